"""Bytes to text: the byte order mark, then UTF-8, then the most likely of the other encodings."""

import codecs

_SAMPLE = 128 * 1024
# The longer marks first: that of UTF-32 begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decode(content: bytes, declared: str | None = None) -> tuple[str, str]:
    """The text, and the name of its encoding; `declared` is what the sender said it is, if anything."""
    encoding = _marked(content) or _strict(content, "utf-8") or _strict(content, declared) or _likely(content)
    return content.decode(encoding, "replace"), encoding


def _marked(content: bytes) -> str | None:
    return next((name for mark, name in _MARKS if content.startswith(mark)), None)


def _strict(content: bytes, encoding: str | None) -> str | None:
    """The encoding, if all of it can be read so."""
    if encoding is None or _is_wide(content[:_SAMPLE]):
        return None
    try:
        content.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return None
    return encoding


def _likely(content: bytes) -> str:
    sample = content[:_SAMPLE]
    if b"\0" in sample:
        if wide := _is_wide(sample):
            return wide
        sample = sample.replace(b"\0", b"")
    from charset_normalizer import from_bytes

    best = from_bytes(sample).best()
    return best.encoding if best else "utf-8"


def _is_wide(sample: bytes) -> str | None:
    """UTF-16 without its mark: texts of most scripts have a NUL in every other byte."""
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if 5 * (even + odd) > len(sample) and max(even, odd) > 4 * min(even, odd):
        return "utf-16-be" if even > odd else "utf-16-le"
    return None


def looks_binary(content: bytes) -> bool:
    """Whether this is no text in any encoding: many control characters, or NULs without the order of UTF-16."""
    sample = content[:8192]
    if _marked(sample):
        return False
    odd_ones = sum(sample.count(one) for one in range(32) if one not in b"\t\n\r\f\x1b\x0b\0")
    return odd_ones * 20 > len(sample) or (sample.count(0) * 50 > len(sample) and not _is_wide(sample))
