"""What an analysis reads from the database and writes to it, each in a short transaction of its own.

The project is locked while features are found or given traces, as it is by people's decisions about them. What a person
assigned stays; a trace that is analysed again, since spans came late, changes its feature only if it looks different
now.
"""

import base64
import hashlib
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy import text
from sqlalchemy.orm import Session

from infra import db, json
from models import Assigned, Feature, FeatureState
from workers import projects
from workers.features import choosing, counting, prototypes
from workers.features.assigning import Assigner
from workers.features.base import Assignment, Summary, Vector
from workers.features.following import stands_for
from workers.features.loading import Learnt, Loaded, learnt

Json = dict[str, Any]

# So many traces without a feature are looked at together, the newest.
BUFFER = 3_000

NOW_ARE = text("""
SELECT id, feature_id, assigned_by, confidence, summary_digest FROM traces
WHERE project_id = :project_id AND id = ANY(:ids) ORDER BY id FOR UPDATE
""")
ASSIGN = text("""
UPDATE traces t SET feature_id = x.feature_id, assigned_by = x.assigned_by, confidence = x.confidence,
  unassigned = x.unassigned, summary_digest = x.digest,
  rolled_up = CASE WHEN t.feature_id IS DISTINCT FROM x.feature_id THEN -1 ELSE t.rolled_up END
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS x(
  id uuid, feature_id uuid, assigned_by text, confidence float8, unassigned jsonb, digest bigint)
WHERE t.project_id = :project_id AND t.id = x.id
""")
LEARN = text("""
INSERT INTO feature_learnt (project_id, updated_at, routes, prompts, waiting)
VALUES (:project_id, now(), CAST(:routes AS jsonb), CAST(:prompts AS jsonb), :waiting)
ON CONFLICT (project_id) DO UPDATE SET updated_at = now(), routes = EXCLUDED.routes, prompts = EXCLUDED.prompts,
  waiting = EXCLUDED.waiting
""")
IN_ORDER = text("""
SELECT 1 FROM traces WHERE project_id = :project_id AND id = ANY(:ids) ORDER BY id FOR NO KEY UPDATE
""")
# What a person has given to another feature meanwhile is looked at again.
ANALYSED = text("""
UPDATE traces t SET analysed = x.revision, tries = 0
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS x(id uuid, revision int, feature_id uuid)
WHERE t.project_id = :project_id AND t.id = x.id AND t.feature_id IS NOT DISTINCT FROM x.feature_id
""")
EMPTY = text("""
UPDATE traces SET analysed = revision, tries = 0 WHERE project_id = :project_id AND id = ANY(:ids)
""")
BROKEN = text("""
UPDATE traces SET tries = tries + 1, analysed = CASE WHEN tries + 1 >= :most THEN revision ELSE analysed END
WHERE project_id = :project_id AND id = ANY(:ids)
""")
BUFFERED = text("""
SELECT id, started_at, revision, unassigned FROM traces
WHERE project_id = :project_id AND unassigned IS NOT NULL AND feature_id IS NULL AND assigned_by IS NULL
ORDER BY received_at DESC LIMIT :most
""")


def read_learnt(project_id: UUID) -> Learnt:
    """What is known of the project beside its features."""
    with db.transaction() as session:
        return learnt(session, project_id)


def read_assigner(project_id: UUID, known: Learnt) -> Assigner:
    """What is known of its features by now."""
    with db.transaction() as session:
        return _assigner(session, project_id, known)


def _assigner(session: Session, project_id: UUID, known: Learnt) -> Assigner:
    found = prototypes.load(session, project_id, known.routes.renewed)
    named = Feature.in_project(project_id).with_only_columns(Feature.id, Feature.name, Feature.description)
    names = {row.id: f"{row.name}. {row.description or ''}".strip() for row in session.execute(named)}
    return Assigner(found, known.families.likeness, names)


def write(
    project_id: UUID,
    loaded: Loaded,
    assignments: Sequence[Assignment],
    assigner: Assigner,
    known: Learnt,
    *,
    again: bool,
) -> list[Assignment]:
    """Writes to which features these traces belong, and what was learnt by them; returns the assignments as they stand
    now."""
    decided = {one.summary.trace_id: one for one in assignments}
    with db.transaction() as session:
        projects.lock(session, project_id)
        features = _features(session, project_id, {one.feature_id for one in assignments})
        asked = {"project_id": project_id, "ids": [one.trace_id for one in loaded.summaries]}
        before = {row.id: row for row in session.execute(NOW_ARE, asked)}
        done = Written(session, project_id)
        for summary in loaded.summaries:
            row = before.get(summary.trace_id)
            if row is not None:
                done.settle(summary, row, decided.get(summary.trace_id), features, again=again)
        assigner.learn(done.fresh)
        prototypes.save(session, project_id, assigner.prototypes)
        done.write()
        known.waiting += done.waiting
        save_learnt(session, project_id, known)
    return done.standing


class Written:
    """The rows of one portion. `standing` are the assignments as they are now, `fresh` those of them that are new;
    `waiting` counts the traces that are without a feature since now."""

    def __init__(self, session: Session, project_id: UUID) -> None:
        self._session, self._project_id = session, project_id
        self._rows: list[Json] = []
        self._counts: Counter[UUID] = Counter()
        self._seen: dict[UUID, list[datetime]] = {}
        self.standing: list[Assignment] = []
        self.fresh: list[Assignment] = []
        self.waiting = 0

    def settle(
        self, summary: Summary, row: Any, decided: Assignment | None, features: dict[UUID, Feature], *, again: bool
    ) -> None:
        """Decides what stands for one trace; `row` is what NOW_ARE has of it."""
        if row.assigned_by == Assigned.PERSON:
            if row.feature_id is not None:
                self.standing.append(Assignment(summary, row.feature_id, Assigned.PERSON, 1.0))
            return
        digest = digest_of(summary)
        feature = stands_for(features, decided.feature_id) if decided is not None else None
        is_none = feature is None or feature.state == FeatureState.DISMISSED
        same = (row.summary_digest == digest and not again) or (
            is_none and decided is not None and decided.feature_id == row.feature_id
        )
        if row.feature_id is not None and (decided is None or same):
            self.standing.append(Assignment(summary, row.feature_id, row.assigned_by, row.confidence or 0.0))
            return
        if decided is None or feature is None or is_none:
            self._leave(summary, row.feature_id, digest, known=row.summary_digest == digest)
            return
        decided.feature_id = feature.id
        self.add(decided, row.feature_id, digest)
        self.fresh.append(decided)

    def add(self, one: Assignment, former: UUID | None, digest: int | None) -> None:
        """The trace goes to its feature, from the former one."""
        self.standing.append(one)
        given = {"feature_id": one.feature_id, "assigned_by": one.by, "confidence": one.confidence}
        self._rows.append({"id": one.summary.trace_id, **given, "unassigned": None, "digest": digest})
        if former != one.feature_id:
            self._counts[one.feature_id] += 1
            self._seen.setdefault(one.feature_id, []).append(one.summary.started_at)
            if former is not None:
                self._counts[former] -= 1

    def _leave(self, summary: Summary, former: UUID | None, digest: int, *, known: bool) -> None:
        """The trace is without one; noise, and what a person dismissed, is not kept to be looked at again."""
        if former is not None:
            self._counts[former] -= 1
        kept = not (summary.details["noise"] or summary.details.get("swallowed"))
        self._rows.append({"id": summary.trace_id, "unassigned": buffered(summary) if kept else None, "digest": digest})
        self.waiting += kept and not known

    def write(self) -> None:
        """Writes them."""
        asked: Json = {"project_id": self._project_id}
        self._session.execute(ASSIGN, {**asked, "rows": json.dump_for_postgres(self._rows)})
        counts = [
            {
                "id": one,
                "traces": count,
                "first": min(self._seen.get(one, ()), default=None),
                "last": max(self._seen.get(one, ()), default=None),
            }
            for one, count in self._counts.items()
        ]
        counting.count(self._session, self._project_id, counts)


def mark_analysed(project_id: UUID, loaded: Loaded, standing: Sequence[Assignment]) -> None:
    """The analysis has seen these traces, in the revision that was read; `standing` is what `write` returned."""
    whose = {one.summary.trace_id: one.feature_id for one in standing}
    rows = [
        {"id": one.trace_id, "revision": one.revision, "feature_id": whose.get(one.trace_id)}
        for one in loaded.summaries
    ]
    ids = [*(one.trace_id for one in loaded.summaries), *loaded.missing, *loaded.broken]
    with db.transaction() as session:
        session.execute(IN_ORDER, {"project_id": project_id, "ids": ids})
        session.execute(ANALYSED, {"project_id": project_id, "rows": json.dumps(rows)})
        session.execute(EMPTY, {"project_id": project_id, "ids": loaded.missing})
        session.execute(BROKEN, {"project_id": project_id, "ids": loaded.broken, "most": choosing.MOST_TRIES})


def read_buffer(project_id: UUID, known: Learnt) -> tuple[list[Summary], Assigner]:
    """The traces without a feature as they were summed up, and what is known of the features."""
    with db.transaction() as session:
        asked = {"project_id": project_id, "most": BUFFER}
        found = [_restored(row, known) for row in session.execute(BUFFERED, asked)]
        return found, _assigner(session, project_id, known)


def save_learnt(session: Session, project_id: UUID, known: Learnt) -> None:
    said = {
        "routes": json.dump_for_postgres(known.routes.state),
        "prompts": json.dump_for_postgres(known.families.state),
    }
    session.execute(LEARN, {"project_id": project_id, "waiting": known.waiting, **said})


def _features(session: Session, project_id: UUID, wanted: set[UUID]) -> dict[UUID, Feature]:
    return {one.id: one for one in session.scalars(Feature.in_project(project_id))} if wanted else {}


def digest_of(summary: Summary) -> int:
    """What a trace is to the analysis, as a signed number of eight bytes."""
    said = "\n".join([summary.skeleton, summary.prompt or "", summary.goal])
    return int.from_bytes(hashlib.sha256(said.encode()).digest()[:8], "big", signed=True)


def buffered(summary: Summary) -> Json:
    """What is kept of a trace without a feature."""
    return {
        "skeleton": summary.skeleton,
        "prompt": summary.prompt,
        "goal": summary.goal,
        "text": summary.text,
        "session_id": summary.session_id,
        "details": {name: one for name, one in summary.details.items() if name != "template"},
        "vector": _written(summary.vector),
        "reply": _written(summary.reply),
    }


def _restored(row: Any, known: Learnt) -> Summary:
    kept = row.unassigned
    kept["details"]["entry"] = known.routes.renewed(kept["details"]["entry"])
    return Summary(
        trace_id=row.id,
        started_at=row.started_at,
        duration_ms=0.0,
        failed=False,
        cost=None,
        skeleton=kept["skeleton"],
        steps=[],
        prompt=kept["prompt"],
        text=kept["text"],
        goal=kept["goal"],
        session_id=kept["session_id"],
        user_id=None,
        calls=(),
        revision=row.revision,
        vector=_read(kept["vector"]),
        reply=_read(kept["reply"]),
        details=kept["details"],
    )


def _written(vector: Vector | None) -> str | None:
    return None if vector is None else base64.b64encode(vector.astype(np.float16).tobytes()).decode()


def _read(text: str | None) -> Vector | None:
    return None if text is None else np.frombuffer(base64.b64decode(text), np.float16).astype(np.float32)
