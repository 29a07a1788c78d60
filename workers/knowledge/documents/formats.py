"""What a file is: by its bytes first, and only then by what its name and its sender say."""

import re
from pathlib import Path, PurePosixPath
from zipfile import ZipFile

from infra.errors import DocumentEncrypted, DocumentUnreadable, DocumentUnsupported
from workers.knowledge.documents import zips
from workers.knowledge.documents.decoding import looks_binary
from workers.knowledge.documents.markup import CODE

ARCHIVE = "zip"
_HEAD = 64 * 1024
_OFFICE = {"word/": "docx", "ppt/": "pptx", "xl/": "xlsx"}
_BY_ENDING = {
    "md": "markdown", "markdown": "markdown", "mdown": "markdown", "mkd": "markdown", "mdx": "markdown",
    "html": "html", "htm": "html", "xhtml": "html",
    "csv": "csv", "tsv": "csv", "tab": "csv",
    "rst": "rst", "rest": "rst",
    "txt": "text", "text": "text", "log": "text",
}  # fmt: skip
_BY_MEDIA_TYPE = {
    "text/html": "html", "application/xhtml+xml": "html", "text/markdown": "markdown", "text/x-markdown": "markdown",
    "text/csv": "csv", "text/tab-separated-values": "csv", "text/x-rst": "rst", "text/plain": "text",
}  # fmt: skip
_CODE_BY_MEDIA_TYPE = {
    "application/json": "json", "application/xml": "xml", "text/xml": "xml", "application/yaml": "yaml",
    "text/javascript": "javascript", "text/css": "css",
}  # fmt: skip
_NAMES = {"dockerfile": "dockerfile", "makefile": "makefile"}
_HTML = re.compile(
    rb"\s*(?:<\?xml[^>]{0,200}>\s*)?(?:<!--.{0,4000}?-->\s*)?<(?:!doctype\s+html|html|head|body)\b",
    re.IGNORECASE | re.DOTALL,
)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")
# What is often sent, and has no text: how it begins, and what it is.
_OTHERS = (
    (b"\x89PNG", "an image"), (b"\xff\xd8\xff", "an image"), (b"GIF8", "an image"), (b"II*\0", "an image"),
    (b"MM\0*", "an image"), (b"ID3", "a sound"), (b"OggS", "a sound or film"), (b"RIFF", "an image, sound or film"),
    (b"{\\rtf", "Rich Text; save it as DOCX"), (b"\x1f\x8b", "packed by gzip; send a zip or the file itself"),
    (b"7z\xbc\xaf", "a 7z archive; send a zip"), (b"Rar!", "a RAR archive; send a zip"), (b"\x7fELF", "a program"),
    (b"MZ", "a program"), (b"SQLite format 3", "a database"), (b"PAR1", "a Parquet file"),
)  # fmt: skip


def format_of(path: Path, filename: str, media_type: str) -> tuple[str, str]:
    """The format's name, and for `code` the language's; raises DocumentUnsupported, …Encrypted or …Unreadable."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head.strip(b"\0 \t\r\n\xef\xbb\xbf"):
        raise DocumentUnreadable("The file is empty.")
    if b"%PDF-" in head[:1024]:
        return "pdf", ""
    if head.startswith(b"PK\x03\x04"):
        return _packed(path), ""
    if head.startswith(_OLE):
        raise _old_office(path)
    what = next((name for magic, name in _OTHERS if head.startswith(magic)), None)
    if what and (looks_binary(head) or _is_text_magic(head)):
        raise DocumentUnsupported(f"The file is {what}; it cannot be read as a document.")
    if looks_binary(head):
        raise DocumentUnsupported("The file is neither text nor a document of a known format.")
    if _HTML.match(head.lstrip(b"\xef\xbb\xbf")):
        return "html", ""
    return _by_name(filename, media_type)


def _is_text_magic(head: bytes) -> bool:
    """Whether it is a format that is written in letters and is no text all the same."""
    return head.startswith(b"{\\rtf")


def _packed(path: Path) -> str:
    """DOCX, PPTX, XLSX, or an archive of documents."""
    with zips.opened(path) as found:
        names = found.namelist()
        if "[Content_Types].xml" in names:
            for folder, name in _OFFICE.items():
                if any(one.startswith(folder) for one in names):
                    return name
            raise DocumentUnsupported("The file is an Office package without document, slides or sheets.")
        if "mimetype" in names:
            raise DocumentUnsupported(f"The file is {_media_type(found)}; save it as DOCX, PPTX, XLSX, HTML or PDF.")
    return ARCHIVE


def _media_type(found: ZipFile) -> str:
    """What OpenDocument and EPUB files say that they are."""
    with found.open("mimetype") as content:
        return content.read(100).decode("ascii", "replace").strip() or "of an unknown format"


def _old_office(path: Path) -> DocumentUnreadable:
    """An Office file with a password is packed like the formats of before 2007."""
    if _ENCRYPTED_PACKAGE in path.read_bytes():
        return DocumentEncrypted()
    return DocumentUnsupported("The file is of an Office before 2007; save it as DOCX, PPTX or XLSX.")


def _by_name(filename: str, media_type: str) -> tuple[str, str]:
    endings = [one.lstrip(".").lower() for one in PurePosixPath(filename).suffixes]
    name = PurePosixPath(filename).name.lower()
    # Sphinx keeps its sources as page.rst.txt.
    if len(endings) > 1 and endings[-1] == "txt" and endings[-2] in _BY_ENDING:
        endings.pop()
    ending = endings[-1] if endings else _NAMES.get(name, "")
    if ending in _BY_ENDING:
        return _BY_ENDING[ending], ""
    if ending in CODE:
        return "code", CODE[ending]
    if media_type in _CODE_BY_MEDIA_TYPE:
        return "code", _CODE_BY_MEDIA_TYPE[media_type]
    return _BY_MEDIA_TYPE.get(media_type, "text"), ""
