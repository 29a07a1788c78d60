"""Bodies as they were sent, inflated: a little at a time, and no further than is allowed."""

import zlib
from collections.abc import Callable, Iterator

from infra.errors import BodyTooLarge, MalformedOtlp, UnsupportedMediaType

PIECE = 1024 * 1024
# zlib copies what lies behind the end of a stream, so it is given little at a time, and gzip may not be of any number.
GIVEN = 64 * 1024
MOST_STREAMS = 4_000
# zlib tells gzip from its own format by the first bytes.
EITHER = 32 + zlib.MAX_WBITS
ENCODINGS = ("gzip", "deflate")


def inflate(body: bytes, encoding: str, *, at_most: int, more: Callable[[int], None]) -> bytes:
    """What was compressed; `more` hears of each piece's length, and may raise. Raises UnsupportedMediaType for another
    Content-Encoding, MalformedOtlp for what is not compressed so or cut short, and BodyTooLarge."""
    if encoding in ("", "identity"):
        return body
    if encoding not in ENCODINGS:
        raise UnsupportedMediaType("Send the body as it is, or with Content-Encoding gzip or deflate.")
    pieces, size = list[bytes](), 0
    try:
        for piece in _pieces(body, encoding):
            size += len(piece)
            if size > at_most:
                raise BodyTooLarge(f"The request body is larger than {at_most} bytes when inflated.")
            more(len(piece))
            pieces.append(piece)
    except zlib.error:
        raise MalformedOtlp(f"The request body is not {encoding}, as its Content-Encoding says.") from None
    return b"".join(pieces)


def _pieces(body: bytes, encoding: str) -> Iterator[bytes]:
    """gzip may consist of several streams, one after another."""
    at, streams = 0, 0
    while at < len(body):
        streams += 1
        if streams > MOST_STREAMS:
            raise MalformedOtlp(f"The request body is made of more than {MOST_STREAMS} pieces of {encoding}; send one.")
        inflater = zlib.decompressobj(EITHER)
        while not inflater.eof:
            given = body[at : at + GIVEN]
            piece = inflater.decompress(given, PIECE)
            at += len(given) - len(inflater.unconsumed_tail) - len(inflater.unused_data)
            if not piece and not given and not inflater.eof:
                raise MalformedOtlp(f"The request body ends in the middle of its {encoding}.")
            yield piece
