"""YAML as plain data, built from the parser's events: nothing is expanded, recursed into or imported on the way.

Scalars mean what YAML 1.2 and JSON say: `no` and 2024-01-01 are text. Keys are always text, as written: `200`.
"""

import re
from math import isfinite
from typing import Any

import yaml

from infra.errors import BadInput
from workers.specs.notes import At, Notes

DEEPEST = 200
MOST_VALUES = 2_000_000

_CONSTANTS: dict[str, Any] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_INTEGER = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]{1,20}|0x[0-9a-fA-F]{1,15}")
_REAL = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NUMERIC = frozenset("-+.0123456789")
_TAG = "tag:yaml.org,2002:"
_LONGEST_INTEGER = 18


class _Open:
    """A mapping or sequence that has not ended."""

    __slots__ = ("anchor", "at", "before", "deepest", "key", "merged", "value")

    def __init__(self, value: Any, anchor: str | None, at: At, before: int) -> None:
        self.value, self.anchor, self.at, self.before = value, anchor, at, before
        self.key: str | None = None
        self.merged: list[Any] = []
        self.deepest = 0


class _Anchored:
    """A value with a name: what it expands to is counted wherever an alias repeats it."""

    __slots__ = ("depth", "size", "value")

    def __init__(self, value: Any, size: int, depth: int) -> None:
        self.value, self.size, self.depth = value, size, depth


_MERGE = object()


class YamlReader:
    """Reads one document; `at` is where its pointers begin."""

    def __init__(self, notes: Notes, at: At) -> None:
        self._notes, self._at = notes, at
        self._open: list[_Open] = []
        self._anchors: dict[str, _Anchored | None] = {}
        self._count = 0
        self._root: Any = None

    def read(self, text: str) -> Any:
        """The first document as dicts, lists, text, numbers, flags and None. Raises BadInput."""
        loader = yaml.CSafeLoader(text)
        documents = 0
        try:
            while loader.check_event():
                event = loader.get_event()
                documents += isinstance(event, yaml.DocumentStartEvent)
                if documents > 1:
                    self._notes.add(self._at, "several_documents", "Only the first YAML document of the file is read.")
                    break
                self._take(event)
        except yaml.YAMLError as error:
            raise BadInput(f"This is not valid YAML: {_told(error)}.") from None
        finally:
            loader.dispose()
        return self._root

    def _take(self, event: Any) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self._begin(event)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self._end()
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)

    def _scalar(self, event: Any) -> None:
        above = self._open[-1] if self._open else None
        is_key = above is not None and above.key is None and isinstance(above.value, dict)
        text = event.value
        if "\0" in text:
            text = text.replace("\0", "\ufffd")
            self._notes.add(self._here(), "nul_character", "U+0000 was replaced.")
        self._counted(1)
        if is_key:
            value: Any = _MERGE if text == "<<" and event.implicit[0] else text
        else:
            value = self._meant(event, text)
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchored(text if is_key else value, 1, 0)
        self._put(value)

    def _meant(self, event: Any, text: str) -> Any:
        if event.implicit[0]:
            value = plain(text)
        elif event.tag is None or event.implicit[1] or event.tag in ("!", f"{_TAG}str"):
            return text
        elif event.tag in (f"{_TAG}int", f"{_TAG}float", f"{_TAG}bool", f"{_TAG}null"):
            value = plain(text)
        else:
            self._notes.add(self._here(), "unknown_tag", f"The YAML tag {event.tag} means nothing here; text is taken.")
            return text
        if isinstance(value, float) and not isfinite(value):
            self._notes.add(self._here(), "not_a_number", f"{text} does not exist in JSON; it is taken as text.")
            return text
        return value

    def _begin(self, event: Any) -> None:
        if len(self._open) >= DEEPEST:
            raise too_deep()
        above = self._open[-1] if self._open else None
        if above is not None and above.key is None and isinstance(above.value, dict):
            raise BadInput(f"A key at {above.at.pointer or 'the top'} is no text but a list or an object.")
        self._counted(1)
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        value: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
        self._open.append(_Open(value, event.anchor, self._here(), self._count - 1))

    def _end(self) -> None:
        one = self._open.pop()
        for merged in one.merged:
            self._merge(one, merged)
        if one.anchor is not None:
            self._anchors[one.anchor] = _Anchored(one.value, self._count - one.before, one.deepest + 1)
        if self._open:
            self._open[-1].deepest = max(self._open[-1].deepest, one.deepest + 1)
        self._put(one.value)

    def _merge(self, one: _Open, merged: Any) -> None:
        for source in merged if isinstance(merged, list) else [merged]:
            if not isinstance(source, dict):
                self._notes.add(one.at, "invalid_merge", "`<<` merges objects only.")
                continue
            for key, value in source.items():
                one.value.setdefault(key, value)

    def _alias(self, event: Any) -> None:
        if event.anchor not in self._anchors:
            raise BadInput(f"The YAML alias *{event.anchor} has no anchor.")
        found = self._anchors[event.anchor]
        if found is None:
            raise BadInput(f"The YAML alias *{event.anchor} stands within what it repeats.")
        self._counted(found.size)
        if len(self._open) + found.depth > DEEPEST:
            raise too_deep()
        if self._open:
            above = self._open[-1]
            above.deepest = max(above.deepest, found.depth)
            if above.key is None and isinstance(above.value, dict) and not isinstance(found.value, str):
                raise BadInput(f"A key at {above.at.pointer or 'the top'} is no text but what *{event.anchor} repeats.")
        self._put(found.value)

    def _put(self, value: Any) -> None:
        """A complete value takes its place: as the next key, a key's value, or the next item."""
        if not self._open:
            self._root = value
            return
        above = self._open[-1]
        if isinstance(above.value, list):
            above.value.append(value)
        elif above.key is None:
            above.key = value
        else:
            self._put_at(above, above.key, value)
            above.key = None

    def _put_at(self, above: _Open, key: Any, value: Any) -> None:
        if key is _MERGE:
            above.merged.append(value)
            return
        if key in above.value:
            self._notes.add(
                above.at / key, "duplicate_key", f"{key!r} stands here more than once; the last one counts."
            )
        above.value[key] = value

    def _here(self) -> At:
        """Where the value that is being read will be."""
        if not self._open:
            return self._at
        above = self._open[-1]
        if isinstance(above.value, list):
            return above.at / str(len(above.value))
        return above.at if above.key is None else above.at / ("<<" if above.key is _MERGE else above.key)

    def _counted(self, values: int) -> None:
        self._count += values
        if self._count > MOST_VALUES:
            raise BadInput(f"The YAML expands to more than {MOST_VALUES:,} values; aliases repeat too much.")


def plain(text: str) -> Any:
    """What a scalar without quotes means."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] not in _NUMERIC:
        return text
    if _INTEGER.fullmatch(text):
        return int(text) if len(text) <= _LONGEST_INTEGER else float(text)
    if _BASED.fullmatch(text):
        return int(text, 0)
    if _REAL.fullmatch(text):
        return float(text)
    return {".inf": float("inf"), ".nan": float("nan")}.get(text.lstrip("+-").lower(), text)


def too_deep() -> BadInput:
    """The refusal of what is nested without end."""
    return BadInput(f"The document is nested more than {DEEPEST} levels deep.")


def _told(error: yaml.YAMLError) -> str:
    """The problem in one line."""
    mark = getattr(error, "problem_mark", None)
    where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    return f"{str(problem).splitlines()[0]}{where}"[:300]
