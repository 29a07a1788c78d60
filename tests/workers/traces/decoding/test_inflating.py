"""Bodies that were compressed, or say so."""

import gzip
import os
import zlib

import pytest

from infra.errors import BodyTooLarge, MalformedOtlp, UnsupportedMediaType
from workers.traces.decoding.inflating import inflate

BODY = os.urandom(3_000_000)


def inflated(body: bytes, encoding: str, at_most: int = 10_000_000) -> tuple[bytes, int]:
    """The body, and how much was said to come."""
    told = list[int]()
    return inflate(body, encoding, at_most=at_most, more=told.append), sum(told)


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (gzip.compress(BODY), "gzip"),
        (zlib.compress(BODY), "deflate"),
        (gzip.compress(BODY[:9]) + gzip.compress(BODY[9:]), "gzip"),
    ],
    ids=["gzip", "deflate", "gzip in two members"],
)
def test_what_was_compressed_comes_back_and_is_counted(body: bytes, encoding: str) -> None:
    assert inflated(body, encoding) == (BODY, len(BODY))


def test_what_is_plain_stays_as_it_is() -> None:
    assert inflated(BODY, "") == (BODY, 0)


def test_a_bomb_is_let_go_as_soon_as_it_is_too_large() -> None:
    told = list[int]()
    with pytest.raises(BodyTooLarge):
        inflate(gzip.compress(bytes(50_000_000)), "gzip", at_most=2_000_000, more=told.append)
    assert sum(told) <= 2_000_000


@pytest.mark.parametrize("body", [b"plain", gzip.compress(BODY)[:-9], gzip.compress(b"a") + b"more"])
def test_what_is_not_compressed_so_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedOtlp):
        inflated(body, "gzip")


def test_millions_of_empty_streams_are_refused_before_they_take_minutes() -> None:
    with pytest.raises(MalformedOtlp, match="4000 pieces"):
        inflated(gzip.compress(b"") * 800_000, "gzip")
    blocks = b"".join(gzip.compress(BODY[at : at + 1_000]) for at in range(0, len(BODY), 1_000))
    assert inflated(blocks, "gzip")[0] == BODY


def test_other_encodings_are_refused() -> None:
    with pytest.raises(UnsupportedMediaType):
        inflated(BODY, "br")
