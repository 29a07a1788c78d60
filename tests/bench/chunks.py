"""Knowledge bases as large as wanted, written straight into the tables: passages of real text, and their vectors.

Sentences are those of the shared corpora, embedded by the offline model; a passage is some neighbours of one document
with a few more of its collection, and its vector the mean of theirs. So vectors have the clusters of real ones, and
real questions have neighbours among them.
"""

import asyncio
import io
import json
import random
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy import Engine, text

from infra import ids
from workers.knowledge.search.indexing import SEARCH_VECTOR, searchable
from workers.providers import minilm

Json = dict[str, Any]

SHARED = Path(__file__).parents[3] / "shared" / "data" / "rag"
SENTENCES = 2_500
TOGETHER, STRAY = 8, 3
BATCH = 2_000
TAGS = {"half": 2, "tenth": 10, "hundredth": 100, "thousandth": 1000}

COLUMNS = (
    "id uuid, entry_id uuid, revision_id uuid, ordinal int, type text, key text, text text, language text, "
    "title_words text, text_words text, literals text, tags text[], vector text"
)
ENTRIES = """
INSERT INTO kb_entries (id, created_at, updated_at, project_id, knowledge_base_id, type, source, key, draft_revision_id)
SELECT DISTINCT entry_id, now(), now(), CAST(:project AS uuid), CAST(:kb AS uuid), type, 'default', key, revision_id
FROM staged
"""
REVISIONS = """
INSERT INTO kb_revisions (id, created_at, project_id, knowledge_base_id, entry_id, content_hash, title, text, content,
  tags, metadata, origin)
SELECT DISTINCT ON (revision_id) revision_id, now(), CAST(:project AS uuid), CAST(:kb AS uuid), entry_id, '', key, text,
  CAST('{}' AS jsonb), tags, CAST('{}' AS jsonb), CAST('{}' AS jsonb) FROM staged
"""
CHUNKS = f"""
INSERT INTO kb_chunks (id, created_at, project_id, knowledge_base_id, entry_id, revision_id, config, first_version,
  last_version, ordinal, type, source, text, context, heading, starts, ends, tokens, language, text_hash, tags,
  metadata, search)
SELECT id, now(), CAST(:project AS uuid), CAST(:kb AS uuid), entry_id, revision_id, 'bench', :first,
  CAST(:last AS int), ordinal, type, 'default', text, '', CAST('{{}}' AS text[]), 0, length(text), 100, language,
  sha256(convert_to(text, 'UTF8')), tags, CAST('{{}}' AS jsonb), {SEARCH_VECTOR} FROM staged
"""
VECTORS = """
INSERT INTO kb_vectors (chunk_id, knowledge_base_id, first_version, last_version, embedding)
SELECT id, CAST(:kb AS uuid), :first, CAST(:last AS int), CAST(vector AS halfvec) FROM staged
"""


@dataclass(frozen=True, slots=True)
class Corpus:
    """Sentences, from which collection each is, and their vectors."""

    sentences: list[str]
    collections: list[list[int]]
    vectors: Any

    @staticmethod
    def read() -> "Corpus":
        """The shared corpora; embeds what it takes of them."""
        documents = [json.loads(line)["text"] for line in (SHARED / "cranfield/corpus.jsonl").open()]
        collections = [_sentences(" ".join(documents), SENTENCES // 2)]
        for folder in sorted((SHARED / "documents").iterdir()):
            found = " ".join(path.read_text(errors="replace") for path in sorted(folder.rglob("*.[mt][dx]*")))
            collections.append(_sentences(found, SENTENCES // 8))
        every = [sentence for collection in collections for sentence in collection]
        vectors, _ = asyncio.run(minilm.embed(every))
        numbers, at = [], 0
        for collection in collections:
            numbers.append(list(range(at, at + len(collection))))
            at += len(collection)
        return Corpus(every, numbers, np.array(vectors, np.float32))

    def passage(self, chance: random.Random, collection: int | None = None) -> tuple[str, Any]:
        """A text and its vector, of one collection."""
        numbers = self.collections[chance.randrange(len(self.collections)) if collection is None else collection]
        first = chance.randrange(max(1, len(numbers) - TOGETHER))
        chosen = [*numbers[first : first + TOGETHER], *chance.sample(numbers, min(STRAY, len(numbers)))]
        vector = self.vectors[chosen].mean(axis=0) + np.random.default_rng(chance.getrandbits(32)).normal(0, 0.005, 384)
        return " ".join(self.sentences[number] for number in chosen), vector / np.linalg.norm(vector)


def _sentences(said: str, most: int) -> list[str]:
    found = [" ".join(one.split()) for one in re.split(r"(?<=[.!?])\s+|\n{2,}", said)]
    kept = [one for one in dict.fromkeys(found) if 40 < len(one) < 300]
    return kept[:: max(1, len(kept) // most)][:most]


def fill(
    engine: Engine,
    project_id: UUID,
    base_id: UUID,
    corpus: Corpus,
    count: int,
    *,
    collection: int | None = None,
    versions: tuple[int, int | None] = (1, None),
    said: str = "",
    seed: int = 0,
) -> None:
    """Writes so many chunks, five to an entry, visible in those versions; `said` goes before each text."""
    chance = random.Random(seed)
    asked = {"project": str(project_id), "kb": str(base_id), "first": versions[0], "last": versions[1]}
    entry = revision = UUID(int=0)
    for at in range(0, count, BATCH):
        rows = []
        for number in range(at, min(count, at + BATCH)):
            if number % 5 == 0:
                entry, revision = ids.new_id(), ids.new_id()
            passage, vector = corpus.passage(chance, collection)
            rows.append(_row(f"{said}{passage}", vector, number, entry, revision))
        _write(engine, rows, asked)


def _row(passage: str, vector: Any, number: int, entry: UUID, revision: UUID) -> list[str]:
    words = searchable("", "", passage)
    tags = [name for name, every in TAGS.items() if number // 5 % every == 0]
    return [
        str(ids.new_id()),
        str(entry),
        str(revision),
        str(number % 5),
        "document" if number // 5 % 2 else "api",
        f"entry {number // 5} {entry.hex[-6:]}",
        passage,
        words["language"] or "\\N",
        words["title_words"],
        words["text_words"],
        words["literals"],
        "{" + ",".join(tags) + "}",
        "[" + ",".join(f"{each:.5f}" for each in vector) + "]",
    ]


def _write(engine: Engine, rows: list[list[str]], asked: Json) -> None:
    lines = ("\t".join(re.sub(r"[\t\r\n]|\\(?!N$)", " ", field) for field in row) for row in rows)
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute(f"CREATE TEMPORARY TABLE staged ({COLUMNS}) ON COMMIT DROP")
        cursor.copy_expert("COPY staged FROM STDIN", io.StringIO("\n".join(lines) + "\n"))
        for statement in (ENTRIES, REVISIONS, CHUNKS, VECTORS):
            made = text(statement).bindparams(**{name: asked[name] for name in asked if f":{name}" in statement})
            cursor.execute(str(made.compile(engine, compile_kwargs={"literal_binds": True})))
        connection.commit()
    finally:
        connection.close()
