"""Zips that anybody may have made: each is refused with a sentence, within bounds, and nothing is written."""

import base64
import hashlib
import io
import itertools
import json
import re
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra.errors import ExportUnreadable
from tests.workers.knowledge.transfer.conftest import Transfer
from workers.jobs.context import Stopped

Json = dict[str, Any]
ENTRY: Json = {"type": "document", "source": "default", "key": "a", "title": "A", "text": "x", "content": {}}
CHUNK: Json = {"text_hash": "0" * 64, "tokens": 1, "embedding": base64.b64encode(bytes(4)).decode()}
BODY: Json = {"sha256": hashlib.sha256(b'{"type":"string"}').hexdigest(), "body": {"type": "string"}}


def lines(*rows: Any) -> bytes:
    return b"".join((one if isinstance(one, bytes) else json.dumps(one).encode()) + b"\n" for one in rows)


def packed(members: dict[str, bytes], **manifest: Any) -> bytes:
    """An export of these members, with a manifest that fits unless something else is said."""
    files = {
        name: {"rows": raw.count(b"\n"), "bytes": len(raw), "sha256": hashlib.sha256(raw).hexdigest()}
        for name, raw in members.items()
    }
    said = {
        "format": 1,
        "settings": {},
        "embedding": {"model": "openai/tiny", "dimensions": 2},
        "files": files,
        **manifest,
    }
    return zipped({"manifest.json": json.dumps(said).encode(), **members})


def zipped(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, raw in members.items():
            archive.writestr(name, raw)
    return file.getvalue()


def export(**members: bytes) -> bytes:
    whole = {"entries": lines(ENTRY), **members}
    return packed({f"{name}.jsonl": raw for name, raw in whole.items()})


GOOD = export(chunks=lines(CHUNK), schemas=lines(BODY))


def patched(raw: bytes, offset: int, value: bytes) -> bytes:
    """With these bytes in the record at the end of the zip."""
    at = raw.rfind(b"PK\x05\x06") + offset
    return raw[:at] + value + raw[at + len(value) :]


def flagged(raw: bytes) -> bytes:
    """Says that its first member is encrypted."""
    at = raw.find(b"PK\x01\x02") + 8
    return raw[:at] + b"\x01\x00" + raw[at + 2 :]


def twice() -> bytes:
    file = io.BytesIO()
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(file, "w") as archive:
        archive.writestr("manifest.json", b"{}")
        archive.writestr("manifest.json", b"{}")
    return file.getvalue()


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "no zip": (lambda: b"not a zip at all", "no zip, or is damaged"),
    "half of one": (lambda: GOOD[: len(GOOD) // 2], "no zip, or is damaged"),
    "a directory that lies about its size": (lambda: patched(GOOD, 12, struct.pack("<I", 2**31)), "no zip"),
    "many members": (lambda: patched(GOOD, 10, struct.pack("<H", 60_000)), "no zip"),
    "a member that nobody exports": (lambda: zipped({"../../etc/passwd": b"x"}), "no export has"),
    "a member twice": (twice, "twice"),
    "an encrypted member": (lambda: flagged(GOOD), "encrypted"),
    "a bomb": (lambda: export(entries=b"x" * 40_000_000), "unpacks to"),
    "no manifest": (lambda: zipped({"entries.jsonl": lines(ENTRY)}), "no manifest.json"),
    "a manifest that is no JSON": (lambda: zipped({"manifest.json": b"{"}), "not valid JSON"),
    "a manifest that is a list": (lambda: zipped({"manifest.json": b"[]"}), "not valid"),
    "a manifest without anything": (lambda: zipped({"manifest.json": b"{}"}), "`errors` says where"),
    "a newer format": (lambda: packed({"entries.jsonl": lines(ENTRY)}, format=2), "has format 2"),
    "no lines": (lambda: packed({"entries.parquet": b"PAR1"}), "no JSON lines"),
    "a listed file that is not there": (
        lambda: zipped({"manifest.json": json.dumps({**_manifest(), "files": {"x": _file(b"")}}).encode()}),
        "lacks 'x'",
    ),
    "other bytes than described": (
        lambda: zipped({"manifest.json": json.dumps(_manifest()).encode(), "entries.jsonl": lines(ENTRY, ENTRY)}),
        "not the file that the manifest describes",
    ),
    "a line that is no JSON": (lambda: export(entries=lines(ENTRY, b"{")), "line 2: is not valid JSON"),
    "a line that nests too deep": (
        lambda: export(entries=lines(b"[" * 5000 + b"]" * 5000)),
        "line 1: is not valid JSON",
    ),
    "deep text with NUL": (lambda: export(entries=lines(b"[" * 900 + b'"\\u0000"' + b"]" * 900)), "line 1"),
    "a NUL": (lambda: export(entries=lines({**ENTRY, "text": "a\0b"})), r"U\+0000"),
    "an entry of another type": (lambda: export(entries=lines({**ENTRY, "type": "x"})), "line 1: is not valid"),
    "an entry without a key": (lambda: export(entries=lines({**ENTRY, "key": ""})), "line 1: is not valid"),
    "an entry that is a list": (lambda: export(entries=lines([])), "line 1: is not valid"),
    "an entry twice": (lambda: export(entries=lines(ENTRY, ENTRY)), "line 2: the entry is there twice"),
    "many sources": (
        lambda: export(entries=lines(*({**ENTRY, "source": f"s{n}"} for n in range(1001)))),
        "more than 1000 sources",
    ),
    "a schema of another hash": (lambda: export(schemas=lines({**BODY, "body": 1})), "line 1: the body is not the one"),
    "a chunk that is a number": (lambda: export(chunks=lines(1)), "line 1: is no chunk"),
    "a vector that is short": (lambda: export(chunks=lines({**CHUNK, "embedding": "AAAA"})), "is not 2 numbers"),
    "a vector that is no base64": (lambda: export(chunks=lines({**CHUNK, "embedding": "!"})), "is not 2 numbers"),
    "a vector with infinity": (
        lambda: export(chunks=lines({**CHUNK, "embedding": base64.b64encode(b"\x00\x7c\x00\x00").decode()})),
        "is not 2 numbers",
    ),
    "a vector without a hash": (lambda: export(chunks=lines({**CHUNK, "text_hash": "0g"})), "`text_hash` or `tokens`"),
    "tokens that are none": (lambda: export(chunks=lines({**CHUNK, "tokens": True})), "`text_hash` or `tokens`"),
}


def _file(raw: bytes) -> Json:
    return {"rows": raw.count(b"\n"), "bytes": len(raw), "sha256": hashlib.sha256(raw).hexdigest()}


def _manifest() -> Json:
    return {"format": 1, "settings": {}, "embedding": None, "files": {"entries.jsonl": _file(lines(ENTRY))}}


def test_a_file_that_is_as_it_should_be_is_read(there: Transfer, tmp_path: Path) -> None:
    (tmp_path / "zip").write_bytes(GOOD)
    made = there.import_(there.take_over(tmp_path / "zip"))
    assert made["entries"]["added"] == 1 and made["embeddings"] == 1 and made["schemas"] == 1


def test_what_is_damaged_or_hostile_is_refused_with_a_sentence_and_nothing_is_written(
    there: Transfer, tmp_path: Path
) -> None:
    told = {}
    for name, (make, sentence) in REFUSED.items():
        (tmp_path / "zip").write_bytes(make())
        with pytest.raises(ExportUnreadable) as refused:
            there.import_(there.take_over(tmp_path / "zip"))
        told[name] = (sentence, refused.value.detail)
    assert there.draft() == {} and there.cache() == {} and there.events() == []
    assert there.core.sql("SELECT 1 FROM spec_schemas WHERE project_id = :p", p=there.project) == []
    for name, (sentence, detail) in told.items():
        assert re.search(sentence, detail), (name, detail)


def test_a_job_that_is_stopped_at_any_checkpoint_changes_no_draft(there: Transfer, tmp_path: Path) -> None:
    (tmp_path / "zip").write_bytes(GOOD)
    file_id = there.take_over(tmp_path / "zip")
    for allowed in itertools.count():
        calls = itertools.count()

        def checkpoint(calls: Any = calls, allowed: int = allowed) -> None:
            if next(calls) >= allowed:
                raise Stopped

        try:
            there.import_(file_id, there.ctx(checkpoint=checkpoint))
            break
        except Stopped:
            assert there.draft() == {} and there.events() == []
    assert allowed > 5 and there.events() == ["kb.imported"]


def test_any_byte_of_a_file_may_be_changed_and_it_is_read_or_refused(there: Transfer, tmp_path: Path) -> None:
    for at in range(0, len(GOOD), 23):
        (tmp_path / "zip").write_bytes(GOOD[:at] + bytes([GOOD[at] ^ 0x55]) + GOOD[at + 1 :])
        try:
            there.import_(there.take_over(tmp_path / "zip"))
        except ExportUnreadable:
            continue
        assert set(there.draft()) == {("document", "default", "a")}
