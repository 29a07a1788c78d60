"""The door into the jail: reads one file, or several of a zip. What it returns is JSON (base.Document.finished)."""

import shutil
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any
from zipfile import ZipFile, ZipInfo

from infra.errors import (
    DocumentEncrypted,
    DocumentUnreadable,
    DocumentUnsupported,
    ParserCrashed,
    ParsingTooLarge,
    SwitchyardError,
)
from workers.knowledge.documents import zips
from workers.knowledge.documents.base import Document, Json
from workers.knowledge.documents.formats import ARCHIVE, format_of

Reader = Callable[[Path, Json], Document]

MOST_DOCUMENTS = 10_000
LARGEST_MEMBER = 100 * zips.MEGABYTE
# What file systems put into archives beside what people do.
_LITTER = ("__MACOSX/", ".git/")
_LITTER_NAMES = ("thumbs.db", "desktop.ini")


def read(argument: Json, inputs: dict[str, Path]) -> Json:
    """The document in `inputs["file"]`, or `{"members": […]}` of an archive.

    `argument` has `filename`, and may have `media_type` and `charset`, which are believed last. Raises
    DocumentUnreadable and its kinds, or ParsingTooLarge.
    """
    format, language = format_of(inputs["file"], argument["filename"], argument.get("media_type") or "")
    if format == ARCHIVE:
        return {"members": _members(inputs["file"])}
    return _document(format, inputs["file"], {**argument, "language": language})


def read_members(argument: Json, inputs: dict[str, Path]) -> list[Json]:
    """Of each member of the archive that `names` has, its document or the error that it ends in."""
    found = []
    with zips.opened(inputs["file"]) as archive:
        for name in argument["names"]:
            try:
                found.append({"document": _member(archive, archive.getinfo(name))})
            except SwitchyardError as error:
                found.append({"error": error.as_json()})
            except RecursionError:
                found.append({"error": ParsingTooLarge("The input is nested too deeply to be read.").as_json()})
            except MemoryError:
                raise
            except Exception as error:
                # A parser that fails on one document says nothing about the others.
                found.append({"error": ParserCrashed(f"The parser failed ({type(error).__name__}).").as_json()})
    return found


def _document(format: str, path: Path, said: Json) -> Json:
    stem = PurePosixPath(said["filename"]).stem or said["filename"]
    return _reader(format)(path, said).finished(stem)


def _members(path: Path) -> list[Json]:
    """The files in an archive: name and size, in the order of their names."""
    with zips.opened(path) as archive:
        named = {one.filename: one.file_size for one in archive.infolist() if not _is_litter(one)}
    if not named:
        raise DocumentUnreadable("The archive is empty.")
    if len(named) > MOST_DOCUMENTS:
        raise ParsingTooLarge(f"The archive has {len(named):,} files; at most {MOST_DOCUMENTS:,} are read.")
    return [{"name": name, "bytes": size} for name, size in sorted(named.items())]


def _is_litter(one: ZipInfo) -> bool:
    parts = one.filename.split("/")
    return (
        one.is_dir()
        or any(f"{part}/" in _LITTER for part in parts[:-1])
        or parts[-1].startswith(".")
        or parts[-1].lower() in _LITTER_NAMES
    )


def _member(archive: ZipFile, info: ZipInfo) -> Json:
    """The document, unpacked beside us."""
    if info.flag_bits & 1:
        raise DocumentEncrypted()
    if info.file_size > LARGEST_MEMBER:
        raise ParsingTooLarge(f"The file has {info.file_size:,} bytes; at most {LARGEST_MEMBER:,} are read.")
    path = Path("member")
    with archive.open(info) as content, path.open("wb") as file:
        shutil.copyfileobj(content, file)
    format, language = format_of(path, info.filename, "")
    if format == ARCHIVE:
        raise DocumentUnsupported("Archives inside archives are not read.")
    return _document(format, path, {"filename": info.filename, "language": language})


def _reader(format: str) -> Reader:
    """Its libraries are imported when they are needed, since each takes as long as reading a document."""
    from workers.knowledge.documents import markup, pdf, sheets, slides, webpages, word

    readers: dict[str, Any] = {
        "pdf": pdf.read,
        "docx": word.read,
        "pptx": slides.read,
        "xlsx": sheets.read_workbook,
        "csv": sheets.read_separated,
        "html": webpages.read,
        "markdown": markup.read_markdown,
        "rst": markup.read_rst,
        "text": markup.read_plain,
        "code": markup.read_code,
    }
    reader: Reader = readers[format]
    return reader
