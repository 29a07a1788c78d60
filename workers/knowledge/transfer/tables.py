"""Rows as they are written: JSON lines and Parquet, page by page, so that a version of any size takes little memory."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from infra import json
from workers.knowledge.transfer import layout, vectors

Json = dict[str, Any]

# Columns that have no Parquet type of their own; they are JSON text.
_AS_JSON = ("content", "metadata", "origin", "body")


class Table:
    """The rows of one sort, in one or two files of a folder."""

    def __init__(self, folder: Path, name: str, suffixes: Sequence[str]) -> None:
        self.name, self.rows = name, 0
        self.paths = [folder / f"{name}{suffix}" for suffix in suffixes]
        self._lines = self.paths[0].open("wb") if layout.JSON_LINES in suffixes else None
        self._parquet = _parquet_writer(self.paths[-1], name) if layout.PARQUET in suffixes else None

    def add(self, rows: Sequence[Json]) -> None:
        """The next rows; `embedding` is as PostgreSQL sends it."""
        self.rows += len(rows)
        found = [vectors.from_postgres(row["embedding"]) if row.get("embedding") else None for row in rows]
        if self._lines is not None:
            for row, vector in zip(rows, found, strict=True):
                shown = {**row, "embedding": None if vector is None else vectors.written(vector)}
                self._lines.write(json.dump_bytes(shown if "embedding" in row else row) + b"\n")
        if self._parquet is not None and rows:
            self._parquet.write_table(_parquet_table(self.name, rows, found))

    def close(self) -> None:
        """All rows are there."""
        if self._lines is not None:
            self._lines.close()
        if self._parquet is not None:
            self._parquet.close()

    def described(self) -> dict[str, Json]:
        """Rows, size and hash of each file, by its name."""
        return {
            path.name: {"rows": self.rows, "bytes": path.stat().st_size, "sha256": _digest(path)} for path in self.paths
        }


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _schema(name: str) -> Any:
    """The columns of a Parquet file."""
    import pyarrow as pa  # 60 MB and a second, for workers that export

    words, texts, number = pa.list_(pa.string()), pa.string(), pa.int32()
    columns = {
        layout.ENTRIES: {
            **dict.fromkeys(("id", "type", "source", "key", "title", "text", "content"), texts),
            "tags": words,
            **dict.fromkeys(("metadata", "origin", "content_hash"), texts),
        },
        layout.SCHEMAS: {"sha256": texts, "body": texts},
        layout.CHUNKS: {
            **dict.fromkeys(("id", "entry_type", "entry_source", "entry_key"), texts),
            "ordinal": number,
            "text": texts,
            "context": texts,
            "heading": words,
            **dict.fromkeys(("page", "starts", "ends", "tokens"), number),
            "language": texts,
            "parent": number,
            "text_hash": texts,
            "embedding": pa.list_(pa.float32()),
        },
    }
    return pa.schema(columns[name])


def _parquet_writer(path: Path, name: str) -> Any:
    from pyarrow.parquet import ParquetWriter

    return ParquetWriter(path, _schema(name), compression="zstd")


def _parquet_table(name: str, rows: Sequence[Json], found: Sequence[Any]) -> Any:
    import pyarrow as pa

    schema = _schema(name)
    columns = {}
    for field in schema:
        if field.name == "embedding":
            values = [None if vector is None else vector.astype("float32") for vector in found]
        elif field.name in _AS_JSON:
            values = [json.dumps(row[field.name]) for row in rows]
        else:
            values = [row[field.name] for row in rows]
        columns[field.name] = pa.array(values, field.type)
    return pa.table(columns, schema=schema)
