"""What a file is, is said by its bytes before its name."""

from pathlib import Path

import pytest

from infra.errors import DocumentEncrypted, DocumentUnreadable, DocumentUnsupported
from tests.workers.knowledge.documents.makers import docx, packed, pdf, workbook, written
from workers.knowledge.documents.formats import format_of

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)


@pytest.mark.parametrize(
    ("content", "name", "media_type", "found"),
    [
        (pdf(["x"]), "a.docx", "", ("pdf", "")),
        (docx(), "a.zip", "", ("docx", "")),
        (workbook({"a": [["x"]]}), "a.txt", "", ("xlsx", "")),
        (packed({"a.md": "x"}), "a.docx", "", ("zip", "")),
        ("  <!DOCTYPE html><p>x", "a.txt", "", ("html", "")),
        ("<p>part of a page", "a.html", "", ("html", "")),
        ("text", "a.pdf", "", ("text", "")),
        ("text", "README", "", ("text", "")),
        ("text", "page", "text/markdown", ("markdown", "")),
        ("a,b", "data.CSV", "text/plain", ("csv", "")),
        ("text", "page.rst.txt", "", ("rst", "")),
        ("x = 1", "a.py", "", ("code", "python")),
        ("FROM x", "Dockerfile", "", ("code", "dockerfile")),
        ('{"a": 1}', "answer", "application/json", ("code", "json")),
        ("MZ is how this text begins", "a.txt", "", ("text", "")),
    ],
)
def test_a_format_is_found(
    tmp_path: Path, content: bytes | str, name: str, media_type: str, found: tuple[str, str]
) -> None:
    assert format_of(written(tmp_path, "x", content), name, media_type) == found


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", DocumentUnreadable),
        (b"\xef\xbb\xbf \n", DocumentUnreadable),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), DocumentUnsupported),
        (b"{\\rtf1 text}", DocumentUnsupported),
        (bytes(range(256)) * 40, DocumentUnsupported),
        (OLE, DocumentUnsupported),
        (OLE + "EncryptedPackage".encode("utf-16-le"), DocumentEncrypted),
        (packed({"mimetype": "application/epub+zip", "x": "y"}), DocumentUnsupported),
        (packed({"a.md": "x"})[:-30], DocumentUnreadable),
    ],
    # A zip has the time in it, and a test must have the same name in each process.
    ids=["empty", "blank", "png", "rtf", "binary", "ole", "encrypted", "epub", "truncated_zip"],
)
def test_what_cannot_be_read_is_refused_by_name(tmp_path: Path, content: bytes, error: type[Exception]) -> None:
    with pytest.raises(DocumentUnreadable) as raised:
        format_of(written(tmp_path, "x", content), "a.txt", "")

    assert type(raised.value) is error
