import pytest

from seewhy.evaluation.captions.stems import english_stem

# Pairs of the algorithm's own description.
PUBLISHED = {
    "consign": "consigned consigning consignment",
    "consist": "consisted consistency consistent consistently consists",
    "consol": "consolation consolations consoled consoling consolingly consols",
    "consolid": "consolidate consolidated consolidating",
    "conspicu": "conspicuous conspicuously",
    "conspir": "conspirator conspirators conspire conspiring",
    "constanc": "constance constancy",
    "knackeri": "knackeries",
    "knavish": "knavish",
    "kneel": "kneeled kneeling kneels",
    "knife": "knife",
    "knit": "knits knitted knitting",
    "knock": "knocked knocking",
    "generat": "generate generates",
    "generous": "generously",
    "communic": "communication",
    "luxuri": "luxuriate",
    "die": "dying",
    "sky": "sky skies",
    "news": "news",
    "inning": "inning innings",
    "hop": "hopping hopped",
    "hope": "hoping hopefulness",
    "happi": "happy",
    "cri": "cry cries",
    "tie": "tie ties tied",
    "agre": "agreed",
    "feed": "feed",
    "gas": "gas",
    "play": "playing played",
    "ration": "rational",
    "format": "formative",
    "abil": "ability",
    "by": "by",
    "say": "say",
    "ss": "ss",
    "cat": "cats' cat's cats",
    "geolog": "geology",
    "apolog": "apology",
    "adopt": "adoption adopted",
    "rebel": "rebel rebell",
    "bead": "beaded",
    "size": "sized sizes",
    "troubl": "trouble troubled",
    "pedagogi": "pedagogy",
    "melancholi": "melancholy",
    "radic": "radical radically",
}


@pytest.mark.parametrize("stem", PUBLISHED)
def test_words_have_the_published_stem(stem):
    assert {english_stem(word) for word in PUBLISHED[stem].split()} == {stem}


@pytest.mark.parametrize(
    "word", ["", "'", "''", "y", "yyy", "'s", "n't", "猫", "eee", "ion", "1950s"]
)
def test_odd_words_have_some_stem(word):
    assert len(english_stem(word)) <= len(word)
