"""Guards for what is packed: looks at a zip's list, and at its XML, before anything of it is unpacked by a parser."""

import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from zipfile import BadZipFile, ZipFile, ZipInfo

from infra.errors import DocumentEncrypted, DocumentUnreadable, ParsingTooLarge

MEGABYTE = 1024 * 1024
LARGEST = 200 * MEGABYTE
SMALL = 10 * MEGABYTE
HIGHEST_RATIO = 100
MOST_PARTS = 20_000
_PIECE = 256 * 1024
_XML = (".xml", ".rels", ".vml")
# In ASCII and in both orders of UTF-16.
_DECLARATION = re.compile(rb"<\x00?!\x00?(?:D\x00?O\x00?C\x00?T\x00?Y\x00?P\x00?E|E\x00?N\x00?T\x00?I\x00?T\x00?Y)")
_LONGEST_DECLARATION = 32


@contextmanager
def opened(path: Path, *, largest: int = LARGEST) -> Iterator[ZipFile]:
    """The zip, if unpacking it is harmless; raises DocumentUnreadable, DocumentEncrypted or ParsingTooLarge."""
    try:
        with ZipFile(path) as found:
            require_harmless(found.infolist(), largest)
            yield found
    except (BadZipFile, EOFError, zlib.error, NotImplementedError, zipfile.LargeZipFile) as error:
        raise DocumentUnreadable(f"The file is damaged: {error or 'it ends too early'}.") from None


def require_harmless(parts: list[ZipInfo], largest: int) -> None:
    """Judges by what the parts declare; a part that has more is cut there by zipfile."""
    size, packed = sum(one.file_size for one in parts), sum(one.compress_size for one in parts)
    if len(parts) > MOST_PARTS:
        raise ParsingTooLarge(f"The file packs more than {MOST_PARTS:,} parts.")
    if size > largest:
        raise ParsingTooLarge(f"The file unpacks to {size:,} bytes; at most {largest:,} are read.")
    if size > SMALL and size > HIGHEST_RATIO * max(packed, 1):
        raise ParsingTooLarge(f"The file unpacks to more than {HIGHEST_RATIO} times its size.")


def require_no_declarations(found: ZipFile) -> None:
    """Office files have no document type; one that has wants to name entities, which are files or bombs."""
    for part in found.infolist():
        if part.flag_bits & 1:
            raise DocumentEncrypted()
        if part.filename.lower().endswith(_XML):
            with found.open(part) as content:
                if _declares(content):
                    raise DocumentUnreadable(f"{part.filename!r} declares XML entities, which are not read.")


def _declares(content: IO[bytes]) -> bool:
    kept = b""
    while piece := content.read(_PIECE):
        if _DECLARATION.search(kept + piece):
            return True
        kept = piece[-_LONGEST_DECLARATION:]
    return False
