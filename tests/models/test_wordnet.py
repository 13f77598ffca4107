from seewhy.models.wordnet import spoken_names


def test_the_first_word_is_spoken_and_other_ids_are_left_out():
    found = spoken_names(["n01443537", "n02099601", "other"])
    assert found == {"n01443537": "goldfish", "n02099601": "golden retriever"}


def test_ids_of_one_word_get_all_of_their_words():
    assert spoken_names(["n03710637"]) == {"n03710637": "maillot"}
    found = spoken_names(["n03710637", "n03710721"])
    assert found == {"n03710637": "maillot", "n03710721": "maillot, tank suit"}
