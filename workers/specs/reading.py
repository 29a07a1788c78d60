"""Bytes to plain data: JSON or YAML, perhaps gzipped, in whatever Unicode encoding; bounded in depth and in size."""

import json as standard_json
import mmap
import re
import zlib
from typing import Any

import orjson

from infra.errors import BadInput, ParsingTooLarge
from workers.specs.notes import At, Notes
from workers.specs.yaml_reading import DEEPEST, YamlReader, too_deep

MOST_BYTES = 100 * 1024 * 1024
# Broken JSON may be good YAML: trailing commas, comments. A long one is not read twice.
YAML_INSTEAD = 2 * 1024 * 1024
# What JSON becomes in memory, where it consists of small objects.
BYTES_A_CHARACTER = 16

_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe\0\0", "utf-32-le"), (b"\0\0\xfe\xff", "utf-32-be"),
         (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))  # fmt: skip
_STRINGS = re.compile(r'"(?:[^"\\]++|\\.)*+"(?:\s*+(:))?', re.DOTALL)


def read(raw: bytes, notes: Notes, at: At) -> Any:
    """The document as dicts, lists, text, numbers, flags and None; raises BadInput with a sentence that says why."""
    text = decoded(unzipped(raw))
    if not text.strip():
        raise BadInput("The document is empty.")
    if text.lstrip()[0] not in "{[":
        return YamlReader(notes, at).read(text)
    _require_room(text)
    try:
        data = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        if "depth limit" in error.msg or "recursion" in error.msg.lower():
            raise too_deep() from None
        if len(text) > YAML_INSTEAD:
            raise _not_json(error) from None
        try:
            data = YamlReader(notes, at).read(text)
        except BadInput:
            raise _not_json(error) from None
        notes.add(at, "invalid_json", f"{_not_json(error).detail} It is read as YAML.")
        return data
    return _looked_through(data, text, notes, at)


def decoded(raw: bytes) -> str:
    """The text; by its byte order mark, else UTF-8."""
    for mark, encoding in _BOMS:
        if raw.startswith(mark):
            raw, name = raw[len(mark) :], encoding
            break
    else:
        name = "utf-8"
    try:
        return raw.decode(name)
    except UnicodeDecodeError as error:
        raise BadInput(f"The document is no text in {name.upper()}: byte {error.start} fits nowhere.") from None


def unzipped(raw: bytes) -> bytes:
    """What is in a gzip file; other bytes as they are."""
    if not raw.startswith(b"\x1f\x8b"):
        return raw
    inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        found = inflate.decompress(raw, MOST_BYTES + 1)
    except zlib.error:
        raise BadInput("The gzip file is damaged.") from None
    if len(found) > MOST_BYTES:
        raise BadInput(f"The gzip file unpacks to more than {MOST_BYTES} bytes.")
    if not inflate.eof:
        raise BadInput("The gzip file ends too early.")
    return found


def _require_room(text: str) -> None:
    """Raises ParsingTooLarge where memory is limited and will not do; orjson would end the process."""
    try:
        mmap.mmap(-1, BYTES_A_CHARACTER * len(text)).close()
    except (OSError, MemoryError):
        raise ParsingTooLarge(f"The document is too large to be read: {len(text):,} characters of JSON.") from None


def _not_json(error: orjson.JSONDecodeError) -> BadInput:
    return BadInput(f"This is not valid JSON: {error.msg} (line {error.lineno}, column {error.colno}).")


def _looked_through(data: Any, text: str, notes: Notes, at: At) -> Any:
    """The same data, not too deep and without U+0000; says which keys come twice, which orjson does not."""
    keys, level, depth = 0, [data], 0
    while level:
        depth += 1
        if depth > DEEPEST:
            raise too_deep()
        below: list[Any] = []
        for one in level:
            if isinstance(one, dict):
                keys += len(one)
                below += [value for value in one.values() if isinstance(value, dict | list)]
            elif isinstance(one, list):
                below += [value for value in one if isinstance(value, dict | list)]
        level = below
    if "\\u0000" in text:
        data = _without_nul(data, notes, at)
    if keys != sum(1 for found in _STRINGS.finditer(text) if found[1]):
        _say_duplicates(text, notes, at)
    return data


def _without_nul(value: Any, notes: Notes, at: At) -> Any:
    if isinstance(value, str):
        if "\0" in value:
            notes.add(at, "nul_character", "U+0000 was replaced.")
        return value.replace("\0", "\ufffd")
    if isinstance(value, list):
        return [_without_nul(one, notes, at / str(index)) for index, one in enumerate(value)]
    if isinstance(value, dict):
        return {_without_nul(key, notes, at): _without_nul(one, notes, at / key) for key, one in value.items()}
    return value


def _say_duplicates(text: str, notes: Notes, at: At) -> None:
    """Reads once more with a reader that tells; only where the counts say that there are some."""
    found: dict[int, set[str]] = {}

    def gather(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) != len(pairs):
            seen: set[str] = set()
            found[id(made)] = {key for key, _ in pairs if key in seen or seen.add(key)}  # type: ignore[func-returns-value]
            kept.append(made)
        return made

    kept: list[Any] = []
    level = [(at, standard_json.loads(text, object_pairs_hook=gather))]
    while level:
        here, one = level.pop()
        for key in sorted(found.get(id(one), ())):
            notes.add(here / key, "duplicate_key", f"{key!r} stands here more than once; the last one counts.")
        inner = one.items() if isinstance(one, dict) else enumerate(one)
        level += [(here / str(key), value) for key, value in inner if isinstance(value, dict | list)]
