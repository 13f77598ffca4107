"""Reasons that tell their answer, in the files of the explain-predict test."""

import json

COLOURS = ("red", "blue", "green")
WORDS = {"red": "the sky is red", "blue": "it is painted blue", "green": "there is a green dog"}


def training(items=60):
    return {
        str(number): {
            "question": "what colour is it",
            "explanation": WORDS[COLOURS[number % 3]],
            "all_answers_raw": [COLOURS[number % 3]] * 7,
        }
        for number in range(items)
    }


def judged():
    """Four items: the reason tells red, blue, blue and nothing; true is red, blue, green, red."""
    told = ("a red sky", "painted blue", "it is painted blue", "because of it")
    true = ("red", "blue", "green", "red")
    return {
        f"t{number}": {
            "question": "what colour is it",
            "explanation": reason,
            "gt_explanation": WORDS[answer],
            "all_answers_raw": [answer] * 10,
        }
        for number, (reason, answer) in enumerate(zip(told, true, strict=True))
    }


def answers():
    """The model's own: right, wrong, faithful to its reason though wrong, right."""
    own = ("red", "green", "Blue", "red")
    return [
        {"image_id": f"t{number}", "caption": f"{answer} because it is so"}
        for number, answer in enumerate(own)
    ]


def written(folder, name, document):
    path = folder / f"{name}.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path
