import tracemalloc

import pytest

from seewhy.base.errors import UsageError
from seewhy.data.texts import LONGEST_LINE, TextList, read_texts


def read(tmp_path, content, most=100):
    path = tmp_path / "texts.txt"
    path.write_bytes(content)
    return read_texts(path, most=most)


def refusal(tmp_path, content, most=100):
    with pytest.raises(UsageError) as caught:
        read(tmp_path, content, most)
    return str(caught.value)


def test_lines_are_texts_in_order_without_the_space_around_them(tmp_path):
    assert read(tmp_path, "\ufeff a dog \r\n猫\n\ta cat".encode()) == TextList(
        ("a dog", "猫", "a cat")
    )


def test_repeated_and_blank_lines_are_counted(tmp_path):
    found = read(tmp_path, b"a\n\nb\na\n   \na\nb\n")
    assert found.texts == ("a", "b")
    repeated, blank = found.notes
    assert "3 repeated lines" in repeated
    assert "'a' (3 times)" in repeated
    assert "2 blank lines" in blank


def test_hostile_lines_are_texts_like_others(tmp_path):
    lines = ["<script>", "{{7*7}}", "$x_{", "=cmd()", "\x1b[31m", "nul\0", "\u202eltr", "a,b"]
    assert read(tmp_path, "\n".join(lines).encode()).texts == tuple(lines)


@pytest.mark.parametrize("content", [b"", b"\n \n\t\n", b"\xef\xbb\xbf"])
def test_a_file_without_a_text_is_refused(tmp_path, content):
    assert "holds no text" in refusal(tmp_path, content)


def test_bytes_that_are_not_utf_8_are_refused_with_their_line(tmp_path):
    message = refusal(tmp_path, b"fine\nalso fine\ncaf\xe9\n")
    assert "line 3 of" in message
    assert "byte 0xe9 at place 4" in message


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_other_encodings_are_named(tmp_path, encoding):
    assert "is UTF-16 or UTF-32" in refusal(tmp_path, "a dog\n".encode(encoding))


def test_a_line_without_an_end_is_refused(tmp_path):
    assert read(tmp_path, b"a" * LONGEST_LINE).texts == ("a" * LONGEST_LINE,)
    assert "line 2 of" in refusal(tmp_path, b"b\n" + b"a" * (LONGEST_LINE + 1))


def test_too_many_texts_are_refused_at_the_first_beyond(tmp_path):
    assert len(read(tmp_path, b"a\nb\nc\n", most=3).texts) == 3
    assert "line 5 holds" in refusal(tmp_path, b"a\nb\nb\nc\nd\ne\xff\n", most=3)


def test_a_long_file_is_never_held_as_a_whole(tmp_path):
    path = tmp_path / "texts.txt"
    lines = 5000
    path.write_bytes(b"".join(b"%-200d\n" % (number % 50) for number in range(lines)))
    tracemalloc.start()
    found = read_texts(path, most=100)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found.texts) == 50
    assert "4,950 repeated lines" in found.notes[0]
    assert peak < 200 * lines / 4


@pytest.mark.parametrize("name", ["absent.txt", "."])
def test_what_is_no_file_is_refused(tmp_path, name):
    with pytest.raises(UsageError, match="no file of texts"):
        read_texts(tmp_path / name, most=9)
