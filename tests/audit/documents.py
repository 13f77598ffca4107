"""Full synthetic audits, made without running one."""

import base64
import io

from PIL import Image, ImageDraw

from seewhy.audit.schema import (
    AuditDocument,
    ChangedImage,
    ClassRow,
    Control,
    Estimate,
    EvidenceRow,
    Example,
    FieldLoss,
    InterventionEffect,
    LayerReading,
    ModelDetails,
    PublishedCounts,
    SliceRow,
    StageMatching,
    Verdict,
)

GROUPS = {
    "colour": {"red": ["a photo of a red digit"], "green": ["a photo of a green digit"]},
    "shape": {"5": ["a digit with the value 5"], "8": ["a digit with the value 8"]},
}
HOSTILE = {
    "script": "<script>alert(1)</script>",
    "image": '"><img src=x onerror=alert(2)>',
    "template": "{{7*7}}{% raw %}",
    "mathematics": "$x_{",
    "formula": "=cmd()",
    "terminal": "\x1b[31mred\x1b[0m\x00",
    "bidi": "safe\u202egnp.exe",
    "arabic": "شكل",
    "chinese": "颜色",
    "emoji": "🎨",
    "newline": "two\nlines",
    "surrogate": "file\udcff.png",
    "long": "very " * 60,
}


def share(value, spread=0.04, images=398):
    """An estimate with an interval, kept between 0 and 1."""
    if value is None:
        return Estimate(value=None, reason="the concepts always go together")
    return Estimate(
        value=value, low=max(value - spread, 0.0), high=min(value + spread, 1.0), images=images
    )


def thumbnail(text="5", fill="red", side=64):
    """A PNG data URI."""
    image = Image.new("RGB", (side, side), "black")
    ImageDraw.Draw(image).text((side // 2, side // 2), text, fill=fill, anchor="mm", font_size=46)
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def shares(leading, *, lead, groups, rest=0.02):
    """One large share and small ones for all other groups."""
    return {group: share(lead if group == leading else rest) for group in groups}


def verdict(model="biased.safetensors", dominant="colour", groups=GROUPS):
    """A verdict that names a group, or an undecided one for None."""
    return Verdict(
        model=model,
        dominant=dominant,
        undecided=dominant is None,
        effect=0.09 if dominant is None else 0.83,
        interval=(-0.06, 0.21) if dominant is None else (0.79, 0.87),
        p_value=0.31 if dominant is None else 0.0021,
        shares=shares(
            dominant or next(iter(groups)),
            lead=0.31 if dominant is None else 0.86,
            rest=0.22 if dominant is None else 0.03,
            groups=groups,
        ),
        sentence=f"Undecided: the evidence does not say what {model} relies on."
        if dominant is None
        else f"{model} decides by {dominant}: 86 % of its decision goes back to {dominant}.",
        reason="Untrained copies of the model rely as strongly on something (p = 0.31)."
        if dominant is None
        else f"2 of 2 voting rows name {dominant} on their own; none names another group.",
        next_steps=next_steps(dominant),
        evidence=evidence(dominant, groups),
        controls=[
            Control(
                name="identity graft",
                expectation="the encoder's own maps change nothing",
                value=3.1e-8,
                holds=True,
                note="Largest change of a similarity.",
            ),
            Control(
                name="permuted matches",
                expectation="captions are read worse than with the true matches",
                value=0.41,
                holds=dominant is not None,
            ),
            Control(
                name="untrained copies",
                expectation="their decisions go back to no group as strongly as the model's",
                value=0.012,
                holds=None,
                note="At most 0.012 in 3 untrained copies, 0.24 in the model.",
            ),
        ],
    )


def next_steps(dominant):
    """What a verdict advises."""
    if dominant is None:
        return ["Add images in which the concepts do not go together.", "Check the accuracy first."]
    return [
        f"If {dominant} is what the class means, nothing is wrong. If it is not, collect or "
        f"make training images in which {dominant} does not go with the class.",
        f"Look at the images below whose answer changes with {dominant} alone.",
        "After retraining, audit both models on the same images with --compare.",
    ]


def evidence(dominant, groups):
    """All five rows; on the user's images the groups cannot be told apart."""
    leading = dominant or next(iter(groups))
    names = ("decision-share", "probe-share", "interventions", "graft-readable", "graft-published")
    rows = []
    for name in names:
        votes = name in ("probe-share", "interventions")
        unknown = name == "decision-share"
        other = [group for group in groups if group != leading]
        says = other[0] if name == "graft-published" and other else leading
        if dominant is None and name == "interventions":
            says = other[0] if other else leading
        rows.append(
            EvidenceRow(
                name=name,
                images="probe" if name == "probe-share" else "yours",
                shares={group: share(None) for group in groups}
                if unknown
                else shares(says, lead=0.62, groups=groups),
                dominant=None if unknown else says,
                votes=votes,
                note="The values of these groups go together in your images." if unknown else "",
            )
        )
    return rows


def details(model="biased.safetensors", dominant="colour", groups=GROUPS, classes=("5", "8")):
    """Measurements that go with `verdict`."""
    leading = dominant or next(iter(groups))
    effects = {"channel swap": 0, "hue turn": 0, "grey": 0, "blur": 1, "patch shuffle": 1}
    names = list(groups)
    return ModelDetails(
        model=model,
        classes=list(classes),
        accuracy={
            "your images": share(1.0, 0.0),
            f"where {names[0]} goes against the class": share(
                0.06 if leading == names[0] else 0.97
            ),
            "field images": share(0.48 if leading == names[0] else 0.98),
            "a set without labels": Estimate(value=None, reason="no labels"),
        },
        interventions=[
            InterventionEffect(
                name=name,
                removes=names[place % len(names)],
                flipped=share(0.97 if names[place % len(names)] == leading else 0.03),
                decision_change=share(0.9 if names[place % len(names)] == leading else 0.02),
                accuracy=share(0.5),
                concept_change=dict.fromkeys(names, 0.5),
            )
            for name, place in effects.items()
        ],
        layers=[layer(grafted, groups, leading) for grafted in range(5)],
        matching=[
            StageMatching(
                site=f"visual.layer{number}",
                units=64 * number,
                mean=0.82 - 0.09 * number,
                quantiles=[
                    0.5 - 0.06 * number,
                    0.65,
                    0.8 - 0.09 * number,
                    0.86,
                    0.97 - 0.03 * number,
                ],
                permuted_mean=None if number == 4 else 0.14,
                sources={"layer1.0.conv1": 20, "layer2.1.conv2": 31, "layer4.1.conv2": 13},
            )
            for number in range(1, 5)
        ],
        published=PublishedCounts(
            correct=dict.fromkeys(names, 0.21), wrong=dict.fromkeys(names, 0.29), unknown={}
        ),
        per_class=[
            ClassRow(
                name=name,
                images=199,
                accuracy=share(1.0 if number else 0.94),
                shares={},
                flipped=shares(leading, lead=0.97, groups=groups),
            )
            for number, name in enumerate(classes)
        ],
        examples=[example(number, classes, leading == names[0]) for number in range(4)],
        slices=[
            SliceRow(
                group=group,
                value=value,
                images=199,
                accuracy=share(0.61 if group == leading else 0.97),
                answers={classes[0]: 0.75, classes[-1]: 0.25},
                flipped={name: share(0.4 if name == "grey" else 0.0) for name in effects},
            )
            for group, values in groups.items()
            for value in values
        ],
        field={group: field_loss(0.41 if group == leading else None, classes) for group in names},
    )


def field_loss(value, classes=("5", "8")):
    """A predicted loss, in the first class too; None for one that is not known."""
    return FieldLoss(
        accuracy=share(value and 0.9),
        predicted=share(value and 0.9 - value),
        loss=share(value),
        route=value and "pixels",
        agreement=value and 0.88,
        independent=value and 0.5,
        counterfactual=share(value and value + 0.02),
        per_class={classes[0]: share(value - 0.03)} if value else {},
    )


def layer(grafted, groups, leading):
    """The reading after some stages; what does not lead is lost on the way."""
    captions = [c for values in groups.values() for many in values.values() for c in many]
    return LayerReading(
        grafted=grafted,
        site=f"visual.layer{grafted}" if grafted else "",
        similarity={
            caption: Estimate(
                value=0.31 - 0.03 * place - 0.012 * grafted * (place + 1),
                low=0.30 - 0.03 * place - 0.012 * grafted * (place + 1),
                high=0.32 - 0.03 * place - 0.012 * grafted * (place + 1),
            )
            for place, caption in enumerate(captions)
        },
        winners=shares(
            leading, lead=0.64 + 0.08 * grafted, rest=0.36 - 0.08 * grafted, groups=groups
        ),
        readable={
            group: share(1.0 - grafted * (0.02 if group == leading else 0.09), 0.03)
            for group in groups
        },
    )


def example(number, classes, by_colour):
    """An image with changed versions; the first change flips a colour-bound decision."""
    own, other = classes[number % 2], classes[(number + 1) % 2]
    fill, swapped = ("red", "lime") if number % 2 == 0 else ("lime", "red")
    text = "58"[number % 2]
    return Example(
        id=f"digit-{number:04d}-{fill}",
        label=own,
        predicted=own,
        confidence=0.993,
        thumbnail=thumbnail(text, fill),
        changed=[
            ChangedImage(
                intervention=name,
                predicted=other if flips and by_colour else own,
                confidence=0.97,
                thumbnail=thumbnail(text, colour),
            )
            for name, colour, flips in (
                ("channel swap", swapped, True),
                ("grey", "white", False),
                ("hue turn", "cyan", True),
                ("blur", "maroon", False),
                ("patch shuffle", "navy", False),
            )
        ],
    )


def document(verdicts, all_details, groups=GROUPS, **changes):
    """An audit of the given models."""
    names = ", ".join(verdict.model for verdict in verdicts)
    facts = {
        "created": "2026-11-20T09:30:00+00:00",
        "title": f"What does {names} rely on?",
        "encoder": "embedded:clip-resnet",
        "groups": groups,
        "images": {"used": 398, "failed": 2, "probe": 600},
        "notes": ["3 hidden files were skipped."],
        "settings": {"seed": 0, "protocol": "default", "bootstrap": 1000, "device": "cpu"},
        "versions": {"seewhy": "0.1.0", "torch": "2.15.0", "python": "3.11.9"},
        "hashes": {"images": "9f2c" * 16, "encoder embedded:clip-resnet": "07ab" * 16},
        "verdicts": verdicts,
        "details": all_details,
    }
    return AuditDocument(**(facts | changes))


def biased_document():
    """One model that decides by colour."""
    return document([verdict()], [details()])


def undecided_document():
    """One model about which nothing can be said."""
    return document([verdict(dominant=None)], [details(dominant=None)])


def compared_document():
    """A biased and an unbiased model on the same images."""
    names = ("biased.safetensors", "unbiased.safetensors")
    return document(
        [verdict(name, group) for name, group in zip(names, GROUPS, strict=True)],
        [details(name, group) for name, group in zip(names, GROUPS, strict=True)],
    )


def hostile_document():
    """Every text that a user can set is made to do harm."""
    groups = {
        HOSTILE["script"]: {name: [text] for name, text in HOSTILE.items()},
        HOSTILE["image"]: {text: [f"{text} {name}"] for name, text in HOSTILE.items()},
        HOSTILE["chinese"]: {HOSTILE["mathematics"]: ["one", "two"], HOSTILE["emoji"]: ["three"]},
    }
    model = HOSTILE["script"] + HOSTILE["bidi"]
    dominant = HOSTILE["script"]
    classes = tuple(HOSTILE.values())
    whole = details(model, dominant, groups, classes)
    broken = whole.examples[0].model_copy(
        update={"thumbnail": 'javascript:alert("3")', "id": HOSTILE["image"]}
    )
    return document(
        [verdict(model, dominant, groups)],
        [whole.model_copy(update={"examples": [broken, *whole.examples[1:]]})],
        groups,
        encoder=HOSTILE["image"],
        notes=list(HOSTILE.values()),
        settings=dict(zip(HOSTILE.values(), HOSTILE.values(), strict=True)),
        versions={HOSTILE["terminal"]: HOSTILE["newline"]},
    )
