"""Vectors between PostgreSQL's form, files, and the cache that spares the next build the embedding calls.

PostgreSQL sends and takes a halfvec as its length, two bytes of nothing, and 16-bit floats, all big-endian; so many are
written by one COPY, without making text of every number.
"""

import base64
import binascii
import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.orm import Session

from infra.clock import now

_HEADER = 4
_COPY_BEGIN = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_COPY_END = b"\xff\xff"

INCOMING = text("""
CREATE TEMPORARY TABLE incoming (text_hash bytea, embedding halfvec, tokens integer) ON COMMIT DROP
""")
COPY = "COPY incoming FROM STDIN BINARY"
KEEP = text("""
INSERT INTO embeddings (project_id, model, text_hash, embedding, tokens, used_at)
SELECT DISTINCT ON (text_hash) :project_id, :model, text_hash, embedding, tokens, :moment FROM incoming
ON CONFLICT (project_id, model, text_hash) DO UPDATE SET used_at = EXCLUDED.used_at
""")


@dataclass(frozen=True, slots=True)
class Known:
    """The vector of a text; `text_hash` is the SHA-256 of the text as embedded, `vector` 16-bit floats."""

    text_hash: bytes
    vector: NDArray[np.float16]
    tokens: int


def from_postgres(sent: bytes) -> NDArray[np.float16]:
    """What `halfvec_send` gave."""
    return np.frombuffer(sent, ">f2", offset=_HEADER).astype("<f2")


def written(vector: NDArray[np.float16]) -> str:
    """As a line of an exported file has it."""
    return base64.b64encode(vector.astype("<f2").tobytes()).decode()


def read(text: Any, dimensions: int) -> NDArray[np.float16] | None:
    """From such a line; None where it is not that many finite numbers."""
    try:
        raw = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except (binascii.Error, ValueError):
        return None
    if len(raw) != 2 * dimensions:
        return None
    vector = np.frombuffer(raw, "<f2")
    return vector if bool(np.isfinite(vector).all()) else None


def keep(session: Session, project_id: UUID, model: str, known: Sequence[Known]) -> None:
    """Puts them into the project's cache; those that it has stay as they are, and count as used."""
    session.execute(INCOMING)
    rows = b"".join(_row(one) for one in known)
    cursor: Any = session.connection().connection.cursor()
    with cursor:
        cursor.copy_expert(COPY, io.BytesIO(_COPY_BEGIN + rows + _COPY_END))
    session.execute(KEEP, {"project_id": project_id, "model": model, "moment": now()})


def _row(one: Known) -> bytes:
    vector = struct.pack(">hh", len(one.vector), 0) + one.vector.astype(">f2").tobytes()
    hashed = struct.pack(">hi", 3, len(one.text_hash)) + one.text_hash
    return hashed + struct.pack(">i", len(vector)) + vector + struct.pack(">ii", 4, one.tokens)
