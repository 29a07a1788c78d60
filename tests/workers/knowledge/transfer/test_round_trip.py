"""What was written out of one project is read into another one the same, or not at all."""

import base64
import json
import zipfile
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow.parquet
import pytest

from infra import db, ids
from infra.errors import BadInput, ExportUnreadable, KnowledgeBaseNotBuilt, ModelNotFound, NotFound, VersionNotReady
from models import EntryType
from schemas.kb_transfer import KbExportOut, KbImportOut
from tests.workers.knowledge.transfer.conftest import DIMENSIONS, Transfer, hashed
from workers.knowledge import drafts
from workers.knowledge.drafts import EntryContent
from workers.specs import records

Json = dict[str, Any]


def filled(base: Transfer) -> None:
    """Documents, tables of another source, and an operation with schemas."""
    base.put(one="first text", two="second\ntext")
    with db.transaction() as session:
        defs = {"User": {"type": "object", "properties": {"next": {"$ref": "#/$defs/User"}}}, "Id": {"type": "string"}}
        record = records.folded(session, base.project, {"method": "GET", "path": "/users", "$defs": defs})
    labels = {"team": "blue", "rank": 1, "done": True}
    table = EntryContent(
        EntryType.TABLE, "public.users", "users", "a table", {"columns": [{"name": "id"}]}, ["a"], labels
    )
    api = EntryContent(EntryType.API, "GET /users", "List", "an operation", record, origin={"file_id": "file_x"})
    base.locked(drafts.put_entries, [table], type=EntryType.TABLE, source="shop")
    base.locked(drafts.put_entries, [api], type=EntryType.API, source="default")


def test_a_version_goes_into_another_project_the_same_with_its_vectors(
    here: Transfer, there: Transfer, tmp_path: Path
) -> None:
    filled(here)
    number = here.ready()
    result = here.export()
    assert KbExportOut().validate(result) == {}
    assert (result["version"], result["entries"], result["chunks"]) == (number, 4, 12)
    assert here.events()[-1] == "kb.exported"

    made = there.import_(there.take_over(here.fetch(result, tmp_path / "zip")))
    assert KbImportOut().validate(made) == {}
    assert made["entries"] == {"added": 4, "changed": 0, "removed": 0, "unchanged": 0}
    assert made["embeddings"] == 8 and made["schemas"] == 3
    assert there.draft() == here.draft() and there.events() == ["kb.imported"]
    cache = there.cache()
    assert len(cache) == 8 and cache[hashed("one 1")] == [1.5] * DIMENSIONS
    assert cache[hashed("two 2")] == [2.5] * DIMENSIONS
    content = {"definitions": there.do(lambda session: record_of(session, there))["definitions"]}
    expanded = there.do(lambda session: records.expanded(session, there.project, content))
    assert expanded["$defs"]["Id"] == {"type": "string"} and "User" in expanded["$defs"]


def record_of(session: Any, base: Transfer) -> Json:
    rows = base.core.sql(
        "SELECT r.content, r.origin FROM kb_revisions r JOIN kb_entries e ON e.draft_revision_id = r.id"
        " WHERE e.knowledge_base_id = :kb AND e.type = 'api'",
        kb=base.id,
    )
    assert set(rows[0].origin) == {"job_id", "file_id"}
    found: Json = rows[0].content
    return found


def test_a_second_import_changes_nothing_and_replace_removes_what_the_file_does_not_have(
    here: Transfer, there: Transfer, tmp_path: Path
) -> None:
    filled(here)
    here.ready()
    file_id = there.take_over(here.fetch(here.export(format="jsonl"), tmp_path / "zip"))
    there.put(one="another text", three="only here")
    first = there.import_(file_id)
    assert first["entries"] == {"added": 3, "changed": 1, "removed": 0, "unchanged": 0}
    serial = there.base.draft_serial
    again = there.import_(file_id)
    assert again["entries"] == {"added": 0, "changed": 0, "removed": 0, "unchanged": 4}
    assert there.base.draft_serial == serial
    replaced = there.import_(file_id, replace=True, apply_settings=True)
    assert replaced["entries"]["removed"] == 1 and there.draft() == here.draft()
    assert there.base.settings["chunking"]["max_tokens"] == 200


def test_the_files_say_what_they_are_and_programs_read_them(here: Transfer, tmp_path: Path) -> None:
    filled(here)
    here.ready()
    with zipfile.ZipFile(here.fetch(here.export(), tmp_path / "zip")) as archive:
        archive.extractall(tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_bytes())
    assert manifest["counts"] == {"entries": 4, "schemas": 3, "chunks": 12}
    assert manifest["embedding"] == {"model": "sandbox", "dimensions": DIMENSIONS}
    lines = [json.loads(line) for line in (tmp_path / "chunks.jsonl").read_text().splitlines()]
    columns = pyarrow.parquet.read_table(tmp_path / "chunks.parquet").to_pylist()
    assert [line["id"] for line in lines] == [row["id"] for row in columns]
    for line, row in zip(lines, columns, strict=True):
        assert line["parent"] == row["parent"] == (0 if line["ordinal"] else None)
        assert (line["embedding"] is None) == (row["embedding"] is None) == (line["ordinal"] == 0)
        if line["embedding"]:
            assert np.frombuffer(base64.b64decode(line["embedding"]), "<f2").tolist() == row["embedding"]
    entries = pyarrow.parquet.read_table(tmp_path / "entries.parquet").to_pylist()
    (table,) = [one for one in entries if one["type"] == "table"]
    assert json.loads(table["metadata"]) == {"team": "blue", "rank": 1, "done": True} and table["tags"] == ["a"]


def test_only_what_a_version_shows_is_exported(here: Transfer) -> None:
    here.put(one="a", two="b")
    old = here.ready()
    here.core.sql(
        "UPDATE kb_chunks SET last_version = :n WHERE knowledge_base_id = :kb AND ordinal = 2", n=old, kb=here.id
    )
    here.put(replace=True, one="a")
    new = here.built(settings={"embedding_model": None})
    assert (here.export(version=old)["entries"], here.export(version=old)["chunks"]) == (2, 6)
    found = here.export(version=new, format="parquet")
    assert (found["entries"], found["chunks"]) == (1, 4)


def test_what_cannot_be_exported_is_refused(here: Transfer) -> None:
    with pytest.raises(KnowledgeBaseNotBuilt):
        here.export()
    here.put(one="a")
    number = here.built(state="building")
    for version, error in ((number, VersionNotReady), (number + 1, NotFound)):
        with pytest.raises(error):
            here.export(version=version)


def test_an_attempt_after_one_that_stored_the_file_takes_that_and_tells_once(here: Transfer) -> None:
    here.put(one="a")
    here.ready()
    ctx = here.ctx()
    first = here.export(ctx)
    ctx.attempt = 2
    assert here.export(ctx) == first
    assert here.events() == ["kb.exported"]
    assert len(here.core.sql("SELECT 1 FROM files WHERE project_id = :p", p=here.project)) == 1


def test_an_import_told_of_is_told_of_once(here: Transfer, there: Transfer, tmp_path: Path) -> None:
    here.put(one="a")
    here.ready()
    file_id, ctx = there.take_over(here.fetch(here.export(), tmp_path / "zip")), there.ctx()
    there.import_(file_id, ctx)
    ctx.attempt = 2
    there.import_(file_id, ctx)
    assert there.events() == ["kb.imported"]


def test_a_file_of_another_project_is_not_read(here: Transfer, there: Transfer) -> None:
    here.put(one="a")
    here.ready()
    file_id = ids.parse("file", here.export()["file_id"])
    with pytest.raises(NotFound):
        there.import_(file_id or UUID(int=0))


def test_vectors_of_another_length_than_the_models_here_are_refused(
    here: Transfer, there: Transfer, tmp_path: Path
) -> None:
    here.put(one="a")
    here.ready()
    packed = here.fetch(here.export(format="jsonl"), tmp_path / "zip")
    here.core.sql(
        "INSERT INTO embeddings (project_id, model, text_hash, embedding, tokens, used_at)"
        " VALUES (:p, 'openai/small', 'x', '[1,2]', 1, now())",
        p=there.project,
    )
    changed = rewritten(packed, tmp_path / "other", lambda manifest: manifest["embedding"].update(model="openai/small"))
    with pytest.raises(ExportUnreadable, match="2 dimensions here, and 384"):
        there.import_(there.take_over(changed))
    assert there.draft() == {}


def rewritten(path: Path, to: Path, change: Any) -> Path:
    """The zip with another manifest."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(to, "w") as new:
        for name in old.namelist():
            raw = old.read(name)
            if name == "manifest.json":
                manifest = json.loads(raw)
                change(manifest)
                raw = json.dumps(manifest).encode()
            new.writestr(name, raw)
    return to


def test_settings_that_cannot_be_used_change_nothing(here: Transfer, there: Transfer, tmp_path: Path) -> None:
    here.put(one="a")
    here.ready()
    packed = here.fetch(here.export(format="jsonl"), tmp_path / "zip")
    for settings in ({"chunking": 5}, {"chunking": {"max_tokens": "x"}}, {"embedding_model": "nobody/none"}):
        changed = rewritten(packed, tmp_path / "other", lambda manifest, s=settings: manifest.update(settings=s))
        with pytest.raises((BadInput, ModelNotFound)):
            there.import_(there.take_over(changed), apply_settings=True)
        assert there.draft() == {} and there.events() == []
