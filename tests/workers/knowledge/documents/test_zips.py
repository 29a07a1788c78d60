"""What is packed is judged before it is unpacked."""

from pathlib import Path
from zipfile import ZipInfo

import pytest

from infra.errors import DocumentUnreadable, ParsingTooLarge
from tests.workers.knowledge.documents.makers import docx, packed, written
from workers.knowledge.documents import zips

SECRET = '<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/hostname">]>'


def part(size: int, packed_size: int) -> ZipInfo:
    info = ZipInfo("a")
    info.file_size, info.compress_size = size, packed_size
    return info


def test_size_ratio_and_number_of_parts_are_bounded() -> None:
    zips.require_harmless([part(9 * zips.MEGABYTE, 1000)], zips.LARGEST)
    for parts in ([part(zips.LARGEST + 1, zips.LARGEST)], [part(11 * zips.MEGABYTE, 1000)], [part(1, 1)] * 20_001):
        with pytest.raises(ParsingTooLarge):
            zips.require_harmless(parts, zips.LARGEST)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_declarations_of_entities_are_found_in_any_place(tmp_path: Path, encoding: str) -> None:
    content = packed({"a.xml": f"<?xml version='1.0'?>{'<!-- -->' * 40_000}{SECRET}<d/>".encode(encoding)})

    with zips.opened(written(tmp_path, "a.zip", content)) as found, pytest.raises(DocumentUnreadable):
        zips.require_no_declarations(found)


def test_an_honest_document_passes(tmp_path: Path) -> None:
    with zips.opened(written(tmp_path, "a.docx", docx())) as found:
        zips.require_no_declarations(found)
