"""Bytes become text, whoever wrote them."""

import pytest

from workers.knowledge.documents.decoding import decode, looks_binary

GERMAN = "Die schöne Müllerin grüßt über die Straße. " * 20


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
def test_the_encoding_is_found(encoding: str) -> None:
    assert decode(GERMAN.encode(encoding))[0] == GERMAN


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_found_without_its_mark(encoding: str) -> None:
    content = GERMAN.encode(encoding)

    assert decode(content)[0] == GERMAN
    assert not looks_binary(content)


def test_what_the_sender_says_is_tried_after_utf_8() -> None:
    assert decode("Привет".encode("koi8-r"), "koi8-r")[0] == "Привет"
    assert decode("Привет".encode(), "koi8-r")[0] == "Привет"
    assert decode(GERMAN.encode(), "no-such-encoding")[0] == GERMAN


def test_a_few_bad_bytes_spoil_only_themselves() -> None:
    text, _ = decode(b"hello\0 " * 3 + b"\xed\xa0\x80 " + b"words and words " * 50)

    assert text.startswith("hello")
    assert text.count("words") == 100


def test_what_is_no_text_looks_binary() -> None:
    assert looks_binary(bytes(range(256)) * 20)
    assert looks_binary(b"\0" * 5000)
    assert not looks_binary("любой текст".encode())
