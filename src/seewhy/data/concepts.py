"""Concept groups: what a model might rely on, in captions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from seewhy.base.errors import UsageError

_EXPECTED = "expected"
_TEMPLATES = "templates"
_GROUPS = "groups"


@dataclass(frozen=True)
class ConceptValue:
    """One value of a concept group and the captions that say it."""

    name: str
    captions: tuple[str, ...]


@dataclass(frozen=True)
class ConceptGroup:
    """Values that exclude each other, such as the colours of an object; at least two."""

    name: str
    values: tuple[ConceptValue, ...]

    @property
    def value_names(self) -> tuple[str, ...]:
        """Names of the values, in order."""
        return tuple(value.name for value in self.values)


@dataclass(frozen=True)
class ConceptGroups:
    """The groups of an audit; `expected` maps class -> group -> the value that goes with it."""

    groups: tuple[ConceptGroup, ...]
    expected: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the groups, in order."""
        return tuple(group.name for group in self.groups)

    @property
    def captions(self) -> tuple[str, ...]:
        """All captions, in the order of groups and values."""
        return tuple(c for group in self.groups for value in group.values for c in value.captions)

    def as_dict(self) -> dict[str, dict[str, list[str]]]:
        """Group -> value -> captions, as JSON and YAML hold it."""
        return {
            group.name: {value.name: list(value.captions) for value in group.values}
            for group in self.groups
        }


def load_concepts(source: Any) -> ConceptGroups:
    """Concept groups from a YAML file or a mapping.

    The mapping is `{group: {value: [captions]}}`, optionally under a key `groups`. Instead of
    captions a value may be null when its group has `templates`, texts with one `{}` for the
    value's name. An optional key `expected` maps `{class: {group: value}}`.

    Raises `UsageError` naming the place for anything else, for fewer than two groups or values,
    for empty captions and for captions that occur twice.
    """
    if isinstance(source, ConceptGroups):
        return source
    table = source if isinstance(source, Mapping) else _read_yaml(Path(source))
    table = _named(table.items(), "group")
    expected = table.pop(_EXPECTED, None)
    if set(table) == {_GROUPS}:
        table = _named(_mapping(table[_GROUPS], _GROUPS), "group")
    groups = tuple(_group(name, values) for name, values in table.items())
    if len(groups) < 2:
        raise UsageError(
            f"{len(groups)} concept group(s) given; an audit compares at least two, such as "
            "`colour: {red: [...], green: [...]}` and `shape: {...}`."
        )
    _refuse_doubles(groups)
    return ConceptGroups(groups, _expected(expected, groups))


def _read_yaml(path: Path) -> dict[Any, Any]:
    if not path.is_file():
        raise UsageError(f"no concept file at {path}; give a YAML file of concept groups.")
    try:
        table = _UniqueKeys(path.read_text(encoding="utf-8-sig")).get_single_data()
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{path} is not readable as YAML: {error}") from error
    return dict(_mapping(table, str(path)))


class _UniqueKeys(yaml.SafeLoader):
    """Safe YAML in which a key that stands twice is an error and not a silent loss."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key!r} stands twice", node.start_mark
                )
        return super().construct_mapping(node, deep=deep)


def _named(items: Iterable[tuple[Any, Any]], what: str) -> dict[str, Any]:
    """The items under names that are text, each once."""
    table: dict[str, Any] = {}
    for key, value in items:
        name = _name(key, what)
        if name in table:
            raise UsageError(f"{what} name {name!r} stands twice; give each its own.")
        table[name] = value
    return table


def _mapping(value: object, place: str) -> Sequence[tuple[Any, Any]]:
    if not isinstance(value, Mapping) or not value:
        raise UsageError(
            f"{place}: expected a mapping such as `red: ['a red digit']`, got {value!r:.80}."
        )
    return list(value.items())


def _name(key: object, what: str) -> str:
    if isinstance(key, bool) or key is None or not str(key).strip():
        raise UsageError(f"{what} name {key!r} is no text; write it in quotes.")
    return str(key)


def _group(name: str, table: object) -> ConceptGroup:
    entries = _named(_mapping(table, name), f"{name}: value")
    templates = _templates(name, entries.pop(_TEMPLATES, None))
    values = tuple(_value(name, key, captions, templates) for key, captions in entries.items())
    if len(values) < 2:
        raise UsageError(f"group {name!r} has {len(values)} value(s); it needs at least two.")
    return ConceptGroup(name, values)


def _templates(group: str, given: object) -> tuple[str, ...]:
    texts = _texts(given, f"{group}: templates") if given is not None else ()
    for text in texts:
        if text.count("{}") != 1 or text.count("{") != 1 or text.count("}") != 1:
            raise UsageError(f"{group}: template {text!r} must hold `{{}}` exactly once.")
    return texts


def _value(group: str, name: str, given: object, templates: tuple[str, ...]) -> ConceptValue:
    if given is None and templates:
        return ConceptValue(name, tuple(text.replace("{}", name) for text in templates))
    return ConceptValue(name, _texts(given, f"{group}: {name}"))


def _texts(given: object, place: str) -> tuple[str, ...]:
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, Sequence) or not texts:
        raise UsageError(f"{place}: expected captions, got {given!r:.80}.")
    for position, text in enumerate(texts):
        if not isinstance(text, str) or not text.strip():
            raise UsageError(f"{place}: caption {position + 1} is {text!r:.80}, not a text.")
    return tuple(texts)


def _refuse_doubles(groups: Sequence[ConceptGroup]) -> None:
    seen: dict[str, str] = {}
    for group in groups:
        for value in group.values:
            for caption in value.captions:
                key = " ".join(caption.casefold().split())
                place = f"{group.name}: {value.name}"
                if key in seen:
                    raise UsageError(
                        f"caption {caption!r} stands under {seen[key]} and {place}; a winner "
                        "among equals means nothing. Reword one."
                    )
                seen[key] = place


def _expected(given: object, groups: Sequence[ConceptGroup]) -> dict[str, dict[str, str]]:
    if given is None or given == {}:
        return {}
    known = {group.name: group.value_names for group in groups}
    table: dict[str, dict[str, str]] = {}
    for class_name, row in _named(_mapping(given, _EXPECTED), "class").items():
        table[class_name] = {}
        for group, value in _mapping(row, f"{_EXPECTED}: {class_name}"):
            if str(value) not in known.get(str(group), ()):
                raise UsageError(
                    f"expected: {class_name}: no value {value!r} in group {group!r}; there are "
                    f"{', '.join(known.get(str(group), ())) or ', '.join(known)}."
                )
            table[class_name][str(group)] = str(value)
    return table
