"""The published search on the stored networks, token by token, and each of its faults."""

import json
import math

import pytest
import torch
from tests.models.editing.golden import GOLDEN, stored, stored_inputs, stored_network
from tests.models.editing.writers import Marks, Random, Told, captions_of, inputs_of

from seewhy.base.errors import UsageError
from seewhy.models.editing.decoding import DecodeOptions, decode
from seewhy.models.editing.ensemble import Ensemble
from seewhy.models.editing.published_beams import STEPS, published_search

SEARCHES = {
    name: json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))
    for name in ("beam", "look_modify_beam")
}
SET = [(key, *key.split(".", 2)) for key in SEARCHES["beam"]]
LOOK = [(key, *key.split(".", 1)) for key in SEARCHES["look_modify_beam"]]


def stored_editor(who, *, bias):
    names = {"edit": ["editnet"], "dc": ["dcnet"], "both": ["editnet", "dcnet"]}[who]
    networks = [without_end(stored_network(name), bias) for name in names]
    return networks[0] if len(networks) == 1 else Ensemble(networks)


def without_end(network, bias):
    with torch.no_grad():
        network.output.bias[-1] -= bias
    return network.eval()


def bias_of(rest):
    return 50 if rest and rest[0].endswith("minus_50") else 0


def check(network, inputs, wanted, *, beams, cut):
    marks = Marks(network.vocabulary_size)
    for row, case in enumerate(wanted):
        one = inputs.take(torch.tensor([row]))
        found = published_search(network, one, marks, beams=beams, cut=cut)
        assert list(found.tokens) == case["tokens"]
        assert found.overflow is case["overflow"]
        assert list(found.finished_scores) == pytest.approx(case["finished_scores"], abs=1e-9)
        words = [f"w{number}" for number in found.decoded.ids]
        assert " ".join(words) == case["caption"]


@pytest.mark.parametrize(("key", "who", "beam", "rest"), [(*case, None)[:4] for case in SET])
def test_searches_of_show_edit_and_tell(key, who, beam, rest):
    network = stored_editor(who, bias=50 if rest else 0)
    beams = int(beam.removeprefix("beam"))
    check(network, stored_inputs("editnet"), SEARCHES["beam"][key], beams=beams, cut=18)


@pytest.mark.parametrize(("key", "beam", "rest"), [(*case, None)[:3] for case in LOOK])
def test_searches_of_look_and_modify(key, beam, rest):
    network = without_end(stored_network("look_modify"), 50 if rest else 0)
    beams = int(beam.removeprefix("beam"))
    wanted = SEARCHES["look_modify_beam"][key]
    check(network, stored_inputs("look_modify"), wanted, beams=beams, cut=20)


def test_the_batched_search_finds_the_same_where_captions_finish():
    assert len(stored("editnet")["gt_caption"]) == 3
    for who in ("edit", "dc", "both"):
        network = stored_editor(who, bias=0)
        for beams in (1, 3, 5):
            options = DecodeOptions(beams=beams, allows_unknown=True)
            found = decode(network, stored_inputs("editnet"), Marks(23), options)
            cases = SEARCHES["beam"][f"{who}.beam{beams}"]
            assert [list(each.ids) for (each,) in found] == [case["tokens"][1:-1] for case in cases]
            assert [each.log_probability for (each,) in found] == pytest.approx(
                [max(case["finished_scores"]) for case in cases], abs=1e-9
            )


@pytest.mark.parametrize("seed", range(5))
def test_both_searches_agree_on_networks_that_write_no_marks(seed):
    network = Random(seed=seed, ends=4.0).eval()
    with torch.no_grad():
        network.out.bias[[0, 9, 10]] -= 50
    inputs = inputs_of(captions_of(8, seed=seed))
    ours = decode(network, inputs, Marks(12), DecodeOptions(limit=STEPS))
    theirs = decode(network, inputs, Marks(12), DecodeOptions(protocol="published"))
    finished = [pair for pair in zip(ours, theirs, strict=True) if pair[1][0].is_finished]
    assert len(finished) >= 4
    for (mine,), (other,) in finished:
        assert mine.ids == other.ids
        assert mine.log_probabilities == pytest.approx(other.log_probabilities, abs=1e-5)
        torch.testing.assert_close(mine.trace.source, other.trace.source)


def test_an_overflow_gives_up_what_had_finished():
    # "2" ends at once; "1" goes on for ever with a lower sum, but in first place.
    endless = {(): {2: 0.6, 1: 0.4}, (2,): {5: 0.5, 1: 0.5}} | {
        (1,) * length: {1: 1.0} for length in range(1, STEPS + 1)
    }
    inputs = inputs_of([[0]])
    found = published_search(Told(endless, size=6), inputs, Marks(6), beams=2)
    assert found.overflow
    assert found.tokens == (4, *[1] * 17)
    assert found.finished_scores == pytest.approx((math.log(0.3),))
    options = DecodeOptions(beams=2, protocol="published", published_cut=20)
    ((cut,),) = decode(Told(endless, size=6), inputs, Marks(6), options)
    assert cut.ids == (1,) * 19
    assert not cut.is_finished
    ((ours,),) = decode(Told(endless, size=6), inputs, Marks(6), DecodeOptions(beams=2))
    assert ours.ids == (2,)


def test_marks_may_come_as_published():
    table = {(): {0: 1.0}, (0,): {4: 1.0}, (0, 4): {3: 1.0}}
    found = published_search(Told(table, size=6), inputs_of([[0]]), Marks(6), beams=1)
    assert found.tokens == (4, 0, 4, 3, 5)


def test_one_image_at_a_time():
    with pytest.raises(UsageError, match="one image at a time; these are 2"):
        published_search(Told({}, {}, size=6), inputs_of([[0], [1]]), Marks(6))
