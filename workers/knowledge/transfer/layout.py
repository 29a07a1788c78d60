"""What an exported version is: a zip with a manifest, and the same rows as JSON lines, as Parquet, or as both.

    manifest.json     format, name, settings, model, counts, and size and SHA-256 of every other file
    entries.jsonl     an entry a line, as schemas/kb_transfer.py has it
    schemas.jsonl     the schema bodies that entries of APIs refer to by their SHA-256
    chunks.jsonl      a chunk a line; `embedding` is base64 of its vector, 16-bit floats, little-endian
    *.parquet         the same, for other programs: what is an object is JSON text, vectors are lists of 32-bit floats

Only the JSON lines are read back: they can be checked line by line, whoever made them.
"""

from collections.abc import Mapping
from enum import StrEnum

FORMAT = 1
MANIFEST = "manifest.json"
ENTRIES, SCHEMAS, CHUNKS = "entries", "schemas", "chunks"
TABLES = (ENTRIES, SCHEMAS, CHUNKS)
JSON_LINES, PARQUET = ".jsonl", ".parquet"
MEMBERS = frozenset({MANIFEST, *(table + suffix for table in TABLES for suffix in (JSON_LINES, PARQUET))})


class Format(StrEnum):
    """As what the rows are written."""

    JSONL = "jsonl"
    PARQUET = "parquet"
    BOTH = "both"


SUFFIXES: Mapping[Format, tuple[str, ...]] = {
    Format.JSONL: (JSON_LINES,),
    Format.PARQUET: (PARQUET,),
    Format.BOTH: (JSON_LINES, PARQUET),
}
