"""A zip of several files, read in memory: nothing of it ever touches the disk, and what it unpacks to is bounded."""

import re
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from urllib.parse import quote, unquote

from infra.errors import BadInput

MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
MOST_FILES = 20_000
MOST_BYTES = 200 * 1024 * 1024
MOST_TIMES_SMALLER = 100
# Below this, no ratio is dangerous.
SMALL = 1024 * 1024
SCHEME = "file:///"

_SUFFIXES = (".json", ".yaml", ".yml")
_TOP = re.compile(rb"""^\s*\{?\s*["']?(openapi|swagger)["']?\s*:""", re.MULTILINE)
_REFERENCE = re.compile(rb"""\$ref["']?\s*:\s*["']?([^"'\s#][^"'\n#]*)""")
_SNIFFED = 64 * 1024


class Archive:
    """The files by URI: `file:///` and their quoted path in the zip. Refuses bombs and paths that lead out of it."""

    def __init__(self, path: Path) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
            raise BadInput("The zip file is damaged.") from None
        files = [info for info in self._zip.infolist() if not info.is_dir()]
        _require_harmless(files)
        self._files = {uri_of(info.filename): info for info in files}

    def __contains__(self, uri: str) -> bool:
        return uri in self._files

    def read(self, uri: str) -> bytes:
        """A file's bytes; raises BadInput if it is damaged."""
        info = self._files[uri]
        try:
            with self._zip.open(info) as file:
                return file.read(info.file_size + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError):
            raise BadInput(f"{info.filename} in the zip file is damaged or packed in an unknown way.") from None

    def entry(self, wanted: str | None) -> str:
        """The URI of the file to begin with: the wanted one, else the only one that says what version it is, that lies
        highest, and that no other such file refers to. Raises BadInput."""
        if wanted is not None:
            uri = uri_of(wanted.removeprefix("./"))
            if uri not in self._files:
                detail = f"There is no file {wanted!r} in the zip."
                raise BadInput(detail, errors=[{"pointer": "/input/entry", "detail": detail}])
            return uri
        found = {uri: raw for uri in self._files if _may_be_one(uri) and _TOP.search(raw := self._beginning(uri))}
        if not found:
            raise BadInput("No file in the zip begins with `openapi` or `swagger` and a version.")
        highest = min(uri.count("/") for uri in found)
        top = [uri for uri in found if uri.count("/") == highest]
        if len(top) > 1:
            used = {other for uri in top for other in self._referred(uri)}
            top = [uri for uri in top if uri not in used] or top
        if len(top) > 1:
            named = [uri for uri in top if PurePosixPath(unquote(uri)).stem.lower() in ("openapi", "swagger", "index")]
            top = named if len(named) == 1 else top
        if len(top) > 1:
            names = ", ".join(unquote(uri.removeprefix(SCHEME)) for uri in sorted(top)[:10])
            detail = f"Several files in the zip could be the one to begin with ({names}); name one as `entry`."
            raise BadInput(detail, errors=[{"pointer": "/input/entry", "detail": detail}])
        return top[0]

    def _beginning(self, uri: str) -> bytes:
        return self.read(uri)[:_SNIFFED]

    def _referred(self, uri: str) -> set[str]:
        """The files in the same folder that a file refers to."""
        folder = uri.rpartition("/")[0]
        names = {match[1].decode(errors="replace").strip() for match in _REFERENCE.finditer(self.read(uri))}
        return {f"{folder}/{quote(unquote(name.removeprefix('./')))}" for name in names} - {uri}


def uri_of(name: str) -> str:
    """A file's name in the zip as a URI."""
    return SCHEME + quote(name.replace("\\", "/"))


def _may_be_one(uri: str) -> bool:
    path = PurePosixPath(uri.removeprefix(SCHEME))
    hidden = any(part.startswith((".", "__MACOSX")) for part in path.parts)
    return path.suffix.lower() in _SUFFIXES and not hidden


def _require_harmless(files: list[zipfile.ZipInfo]) -> None:
    if len(files) > MOST_FILES:
        raise BadInput(f"The zip has {len(files):,} files; at most {MOST_FILES:,} are read.")
    unpacked, packed = sum(info.file_size for info in files), sum(info.compress_size for info in files)
    if unpacked > MOST_BYTES or (unpacked > SMALL and unpacked > MOST_TIMES_SMALLER * max(packed, 1)):
        raise BadInput(f"The zip unpacks to {unpacked:,} bytes from {packed:,}, which is more than is read.")
    for info in files:
        path = PurePosixPath(info.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
            raise BadInput(f"The zip has a file whose path leads out of it: {info.filename[:200]!r}.")
        if info.flag_bits & 1:
            raise BadInput(f"{info.filename} in the zip is encrypted.")
