"""What a file is, its bytes say."""

import gzip
import io
import struct
import zipfile

import pytest

from workers.files.media_types import Watching

OFFICE = "application/vnd.openxmlformats-officedocument."


def told(body: bytes, name: str = "a", pieces: int = 7) -> str:
    watching = Watching()
    for at in range(0, len(body), pieces):
        watching.see(body[at : at + pieces])
    return watching.told(io.BytesIO(body), len(body), name)


def zipped(*names: str, first: tuple[str, str] | None = None) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, text in [*([first] if first else []), *((name, "x") for name in names)]:
            archive.writestr(name, text)
    return file.getvalue()


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (b"%PDF-1.7\n%\xe2\xe3", "application/pdf"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "image/png"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "image/jpeg"),
        (b"GIF89a\x01\x00", "image/gif"),
        (b"RIFF\x24\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "application/octet-stream"),
        (gzip.compress(b"x", mtime=0), "application/gzip"),
        (b"PAR1\x15\x04", "application/vnd.apache.parquet"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\x00", "application/x-ole-storage"),
        (zipped("a.txt"), "application/zip"),
        (zipped(), "application/zip"),
        (zipped("[Content_Types].xml", "word/document.xml"), f"{OFFICE}wordprocessingml.document"),
        (zipped("[Content_Types].xml", "ppt/presentation.xml"), f"{OFFICE}presentationml.presentation"),
        (zipped("[Content_Types].xml", "xl/workbook.xml"), f"{OFFICE}spreadsheetml.sheet"),
        (zipped("word/document.xml"), "application/zip"),
        (
            zipped("content.xml", first=("mimetype", "application/vnd.oasis.opendocument.text")),
            "application/vnd.oasis.opendocument.text",
        ),
        (zipped("x", first=("mimetype", "application/x\r\nSet-Cookie: a")), "application/zip"),
        (b'{"openapi": "3.1.0"}', "application/json"),
        (b'\xef\xbb\xbf [{"a": 1},\n{"b": 2}]\n', "application/json"),
        (b'{"a": 1}\n{"a": 2}\n', "application/jsonl"),
        (b'{\n"a": 1}\n', "application/json"),
        (b"[link](http://example.com) is Markdown", "text/plain"),
        (b"# comment\nopenapi: 3.1.0\n", "application/yaml"),
        (b"swagger: '2.0'\n", "application/yaml"),
        (b"---\na: 1\n", "application/yaml"),
        (b"\n<!DOCTYPE html><title>x</title>", "text/html"),
        (b"<!-- c --><HTML lang='en'>", "text/html"),
        (b"<?xml version='1.0'?><a/>", "application/xml"),
        (b"<?xml version='1.0'?><svg/>", "image/svg+xml"),
        ("Grüße".encode(), "text/plain"),
        ("Grüße".encode("latin-1"), "text/plain"),
        (b"x" * 100_000 + b"\x00", "application/octet-stream"),
        (b"\xff\xfe" + "hello".encode("utf-16-le"), "text/plain"),
    ],
)
def test_a_file_is_told_by_its_bytes_whatever_the_name_says(body: bytes, media_type: str) -> None:
    assert told(body) == media_type
    assert told(body, "a.pdf") == media_type


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("a.md", "text/markdown"),
        ("a.csv", "text/csv"),
        ("a.SQL", "application/sql"),
        ("a.yml", "application/yaml"),
        ("a.json", "text/plain"),
        ("a.pdf", "text/plain"),
    ],
)
def test_the_name_tells_kinds_of_text_apart(name: str, media_type: str) -> None:
    assert told(b"id, name\n1, x\n", name) == media_type


def test_a_zip_whose_directory_lies_is_a_zip_and_read_within_bounds() -> None:
    good = zipped("[Content_Types].xml", "word/document.xml")
    at = good.rfind(b"PK\x05\x06")
    for length, start in ((2**32 - 1, 2**32 - 1), (2**31, 0), (0, 0), (10, at)):
        damaged = good[: at + 12] + struct.pack("<II", length, start) + good[at + 20 :]
        assert told(damaged) == "application/zip"
    assert told(good[:40]) == told(good[:-30]) == "application/zip"
