"""Reading an exported zip that anybody may have made: sizes are bounded, and hashes compared, before a row counts."""

import hashlib
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from marshmallow import ValidationError

from infra import json
from infra.errors import ExportUnreadable
from schemas.base import nul_places, pointers
from schemas.kb_transfer import ManifestLine
from workers.knowledge.transfer import layout

Json = dict[str, Any]

MANIFEST_AT_MOST = 1024 * 1024
DIRECTORY_AT_MOST = 64 * 1024
UNPACKED_AT_MOST = 4 * 1024**3
TIMES_SMALLER_AT_MOST = 200
# Below this, no ratio is dangerous.
SMALL = 16 * 1024 * 1024
LINE_AT_MOST = 64 * 1024 * 1024
PIECE = MANIFEST_AT_MOST
_END_RECORD, _LONGEST_COMMENT, _LOCATOR = 22, 65_535, 20
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError)


class Packed:
    """An exported version. Raises ExportUnreadable for what is none."""

    def __init__(self, path: Path) -> None:
        try:
            _require_small_directory(path)
            self._zip = zipfile.ZipFile(path)
        except _DAMAGED:
            raise ExportUnreadable("The file is no zip, or is damaged.") from None
        self._members = _harmless(self._zip.infolist())
        self.manifest = self._read_manifest()

    def close(self) -> None:
        """Nothing more is read."""
        self._zip.close()

    def has(self, table: str) -> bool:
        """Whether it has rows of that sort, to be read."""
        return table + layout.JSON_LINES in self.manifest["files"]

    def rows(self, table: str) -> int:
        """How many rows of that sort it says it has."""
        found: int = self.manifest["files"][table + layout.JSON_LINES]["rows"] if self.has(table) else 0
        return found

    def check(self, table: str, checkpoint: Callable[[], None]) -> None:
        """Raises ExportUnreadable unless these rows are the ones that the manifest describes."""
        if not self.has(table):
            return
        name = table + layout.JSON_LINES
        described, digest, size, rows = self.manifest["files"][name], hashlib.sha256(), 0, 0
        with self._open(name) as file:
            while piece := self._piece(file, name):
                checkpoint()
                digest.update(piece)
                size, rows = size + len(piece), rows + piece.count(b"\n")
        if (digest.hexdigest(), size, rows) != (described["sha256"], described["size"], described["rows"]):
            raise ExportUnreadable(f"{name} is not the file that the manifest describes; the zip is damaged.")

    def lines(self, table: str) -> Iterator[tuple[int, Any]]:
        """The rows of that sort with their numbers, from 1; none without them."""
        if not self.has(table):
            return
        name, number = table + layout.JSON_LINES, 0
        with self._open(name) as file:
            while line := self._line(file, name):
                number += 1
                yield number, _parsed(line, name, number)

    def _read_manifest(self) -> Json:
        if layout.MANIFEST not in self._members:
            raise ExportUnreadable("The zip has no manifest.json: it is no export of a knowledge base.")
        if self._members[layout.MANIFEST].file_size > MANIFEST_AT_MOST:
            raise ExportUnreadable("manifest.json is larger than any that was written here.")
        with self._open(layout.MANIFEST) as file:
            said = _parsed(self._piece(file, layout.MANIFEST), layout.MANIFEST, 1)
        try:
            found: Json = ManifestLine().load(said)
        except ValidationError as error:
            wrong = pointers(error.messages)
            raise ExportUnreadable("manifest.json is not valid; `errors` says where.", errors=wrong) from None
        if found["format"] > layout.FORMAT:
            raise ExportUnreadable(f"The file has format {found['format']}, and this version reads {layout.FORMAT}.")
        self._require_described(found["files"])
        return found

    def _require_described(self, files: Json) -> None:
        if missing := sorted(files.keys() - self._members.keys()):
            raise ExportUnreadable(f"The zip lacks {missing[0][:200]!r}, which its manifest lists.")
        if layout.ENTRIES + layout.JSON_LINES not in files:
            raise ExportUnreadable("The export has no JSON lines; export it with the format `jsonl` or `both`.")

    def _open(self, name: str) -> Any:
        try:
            return self._zip.open(self._members[name])
        except _DAMAGED:
            raise _damaged(name) from None

    def _piece(self, file: BinaryIO, name: str) -> bytes:
        try:
            return file.read(PIECE)
        except _DAMAGED:
            raise _damaged(name) from None

    def _line(self, file: BinaryIO, name: str) -> bytes:
        try:
            line = file.readline(LINE_AT_MOST + 1)
        except _DAMAGED:
            raise _damaged(name) from None
        if len(line) > LINE_AT_MOST:
            raise ExportUnreadable(f"{name} has a line of more than {LINE_AT_MOST:,} bytes.")
        return line


def _damaged(name: str) -> ExportUnreadable:
    return ExportUnreadable(f"{name} in the zip is damaged.")


def _parsed(line: bytes, name: str, number: int) -> Any:
    try:
        found = json.loads(line)
        if b"\\u0000" in line and nul_places(found):
            raise ExportUnreadable(f"{name}, line {number}: text may not contain U+0000.")
    except (ValueError, RecursionError):
        raise ExportUnreadable(f"{name}, line {number}: is not valid JSON.") from None
    return found


def _require_small_directory(path: Path) -> None:
    """Raises BadZipFile where opening the zip would read a long list of members into memory."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _END_RECORD - _LONGEST_COMMENT - _LOCATOR))
        end = file.read()
    at = end.rfind(b"PK\x05\x06")
    # A locator says that the directory is described elsewhere, as that of a zip beyond 4 GiB.
    if at < 0 or len(end) - at < _END_RECORD or end[max(0, at - _LOCATOR) : at].startswith(b"PK\x06\x07"):
        raise zipfile.BadZipFile
    members, length = struct.unpack_from("<HI", end, at + 10)
    if members > len(layout.MEMBERS) or length > DIRECTORY_AT_MOST:
        raise zipfile.BadZipFile


def _harmless(members: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """The members by name; raises ExportUnreadable for what no export has, and for bombs."""
    found = {one.filename: one for one in members}
    if unknown := sorted(found.keys() - layout.MEMBERS):
        raise ExportUnreadable(f"The zip has a file that no export has: {unknown[0][:200]!r}.")
    if len(found) != len(members) or any(one.flag_bits & 1 for one in members):
        raise ExportUnreadable("The zip has a file twice, or an encrypted one.")
    read = [one for one in members if not one.filename.endswith(layout.PARQUET)]
    unpacked, packed = sum(one.file_size for one in read), sum(one.compress_size for one in read)
    if unpacked > UNPACKED_AT_MOST or (unpacked > SMALL and unpacked > TIMES_SMALLER_AT_MOST * max(packed, 1)):
        raise ExportUnreadable(f"The zip unpacks to {unpacked:,} bytes from {packed:,}, which is more than is read.")
    return found
