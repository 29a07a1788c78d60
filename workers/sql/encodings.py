"""The text of a script, whatever it is encoded in."""

import codecs

from infra.errors import BadInput

_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"),
          (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF16_BE, "utf-16"))  # fmt: skip


def as_utf8(data: bytes) -> bytes:
    """The same text in UTF-8: by its byte order mark (SQL Server's tools write UTF-16), else as Windows-1252 where it
    is no UTF-8. Raises BadInput for what is no text."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _decoded(data, encoding).encode()
    if b"\0" in data:
        raise BadInput("This is no text: it has NUL bytes in it. Send SQL as text, in UTF-8 if possible.")
    try:
        data.decode()
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace").encode()
    return data


def _decoded(data: bytes, encoding: str) -> str:
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        raise BadInput(f"The file begins as {encoding} does, but is not all of it.") from None
    if "\0" in text:
        raise BadInput("This is no text: it has NUL characters in it.")
    return text
