"""What a file is, told by its bytes: what its sender says of it is kept beside, and believed by nobody.

Signatures tell binary formats, the names of its members what a zip is. Text is told from binary by all of its bytes; of
which kind it is, its beginning says, and where that could be anything (Markdown, CSV, SQL), the suffix of its name.
"""

import re
import struct
from typing import BinaryIO

from infra import json
from workers.files.names import suffix

BINARY = "application/octet-stream"
PLAIN = "text/plain"
JSON = "application/json"
JSON_LINES = "application/jsonl"
YAML = "application/yaml"
ZIP = "application/zip"

HEAD = 64 * 1024
DIRECTORY_AT_MOST = 1024 * 1024
_END_RECORD, _LONGEST_COMMENT = 22, 65_535
_MEMBER = 46

SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"%PDF-", "application/pdf"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (0, b"\x1f\x8b", "application/gzip"),
    (0, b"PK\x03\x04", ZIP),
    (0, b"PK\x05\x06", ZIP),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (0, b"PAR1", "application/vnd.apache.parquet"),
    (0, b"SQLite format 3\x00", "application/vnd.sqlite3"),
    (0, b"{\\rtf", "application/rtf"),
)
_OFFICE = "application/vnd.openxmlformats-officedocument."
OFFICE: tuple[tuple[str, str], ...] = (
    ("word/", f"{_OFFICE}wordprocessingml.document"),
    ("ppt/", f"{_OFFICE}presentationml.presentation"),
    ("xl/", f"{_OFFICE}spreadsheetml.sheet"),
)
BY_SUFFIX = {
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".yaml": YAML,
    ".yml": YAML,
    ".sql": "application/sql",
    ".html": "text/html",
    ".htm": "text/html",
    ".xml": "application/xml",
    ".json": JSON,
    ".jsonl": JSON_LINES,
    ".ndjson": JSON_LINES,
}

_MARKUP = re.compile(rb"\s*(?:<!--.*?-->\s*)*<(?:!doctype html|html|head|body)[\s>]", re.IGNORECASE | re.DOTALL)
_JSON_OBJECT = re.compile(rb'\s*\{\s*(?:"|\}\s*\Z)')
_JSON_LIST = re.compile(rb'\s*\[\s*[\[{"\]\-0-9tfn]')
_YAML = re.compile(rb"(?:\s*#[^\n]*\n)*\s*(?:%YAML|---\s|(?:openapi|swagger|[\"']openapi[\"'])\s*:)")
# Text has no other control characters than tab, line ends, form feed and escape.
_CONTROLS = bytes(set(range(32)) - {9, 10, 12, 13, 27})


class Watching:
    """Looks at a file's bytes as they pass."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._has_controls = False

    def see(self, piece: bytes) -> None:
        """The next bytes."""
        if len(self._head) < HEAD:
            self._head += piece[: HEAD - len(self._head)]
        if not self._has_controls and piece.translate(None, _CONTROLS) != piece:
            self._has_controls = True

    def told(self, file: BinaryIO, size: int, name: str) -> str:
        """The media type of the whole file, which may be read again; `name` is a hint between kinds of text."""
        head = bytes(self._head)
        for at, signature, media_type in SIGNATURES:
            if head[at : at + len(signature)] == signature and (at == 0 or head.startswith(b"RIFF")):
                return _zip_type(file, size, head) if media_type == ZIP else media_type
        if head.startswith((b"\xff\xfe", b"\xfe\xff")) and len(head) % 2 == size % 2 == 0:
            return BY_SUFFIX.get(suffix(name), PLAIN)
        return BINARY if self._has_controls else _text_type(head, _tail(file, size), name)


def _text_type(head: bytes, tail: bytes, name: str) -> str:
    begins, ends = head.removeprefix(b"\xef\xbb\xbf"), tail.rstrip()
    hint = BY_SUFFIX.get(suffix(name))
    if _MARKUP.match(begins):
        return "text/html"
    if begins.lstrip().startswith(b"<?xml"):
        return "image/svg+xml" if b"<svg" in begins else "application/xml"
    if _JSON_OBJECT.match(begins) and ends.endswith(b"}"):
        return JSON_LINES if _is_lines(begins) else JSON
    if _JSON_LIST.match(begins) and ends.endswith(b"]") and hint in (None, JSON):
        return JSON
    if hint in (None, YAML) and _YAML.match(begins):
        return YAML
    return PLAIN if hint in (None, JSON, JSON_LINES) else hint


def _is_lines(begins: bytes) -> bool:
    """Whether the first line is a JSON value alone, and more follow."""
    first, _, rest = begins.lstrip().partition(b"\n")
    if not rest.lstrip().startswith(b"{"):
        return False
    try:
        json.loads(first)
    except ValueError:
        return False
    return True


def _tail(file: BinaryIO, size: int, length: int = 256) -> bytes:
    file.seek(max(0, size - length))
    return file.read(length)


def _zip_type(file: BinaryIO, size: int, head: bytes) -> str:
    if head[30:38] == b"mimetype":
        # OpenDocument and EPUB say in their first member what they are.
        said = head[38:138].split(b"PK", 1)[0]
        return said.decode() if re.fullmatch(rb"application/[a-z0-9.+-]{1,90}", said) else ZIP
    names = _member_names(file, size)
    if "[Content_Types].xml" in names:
        for folder, media_type in OFFICE:
            if any(name.startswith(folder) for name in names):
                return media_type
    return ZIP


def _member_names(file: BinaryIO, size: int) -> set[str]:
    """The names in a zip's directory, of which no more than 1 MiB is read; none where it is damaged."""
    end = _tail(file, size, _END_RECORD + _LONGEST_COMMENT)
    at = end.rfind(b"PK\x05\x06")
    if at < 0 or len(end) - at < _END_RECORD:
        return set()
    length, start = struct.unpack_from("<II", end, at + 12)
    file.seek(min(start, size))
    directory, names, at = file.read(min(length, DIRECTORY_AT_MOST)), set(), 0
    while directory[at : at + 4] == b"PK\x01\x02" and at + _MEMBER <= len(directory):
        sizes = struct.unpack_from("<HHH", directory, at + 28)
        names.add(directory[at + _MEMBER : at + _MEMBER + sizes[0]].decode("utf-8", "replace"))
        at += _MEMBER + sum(sizes)
    return names
