"""Traces as an analysis hands them over, and a feature that is watched."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from infra import ids
from models import FeatureDrift, FeaturePrompt
from tests.workers.features import rows
from tests.workers.jobs.conftest import Core
from workers.features.base import Assignment, Call, Summary
from workers.features.drift.noting import note
from workers.features.drift.opening import Noted
from workers.traces.base import Message, Stored, Texts

SITE = "POST /chat > chat"
SYSTEM = "You are the assistant of a shop.\nAnswer in at most 3 sentences and be polite.\nNever promise refunds."
WORDS = """where is my order it was sent last week to the wrong street can you change address please""".split()  # noqa: SIM905
ANSWERS = """your parcel on its way and will arrive soon we have changed the street as you asked thank""".split()  # noqa: SIM905
ASSIGN = """
INSERT INTO traces (project_id, id, feature_id, assigned_by, first_received_at, received_at, started_at)
SELECT :project, id, :feature, 'structure', now(), now(), now() FROM unnest(CAST(:ids AS uuid[])) AS id
ON CONFLICT (project_id, id) DO UPDATE SET feature_id = excluded.feature_id
"""
BEGIN = datetime(2026, 9, 7, tzinfo=UTC)


def call(system: str | None = SYSTEM, answer: str | None = "It is on its way.", **more: Any) -> Call:
    """A call of a model. `parameters`, `tools`, `schema`, `refused` go to its texts, the rest to its observation."""
    texts = {name: more.pop(name) for name in ("parameters", "tools", "schema", "refused") if name in more}
    site = more.pop("site", SITE)
    said = None if answer is None else Message("assistant", answer)
    return Call(site, observation(**more), Texts(system=system, answer=said, **texts))


def observation(**columns: Any) -> Stored:
    """A generation."""
    nothing = dict.fromkeys(Stored.__dataclass_fields__)
    usual = {"kind": "generation", "status": "ok", "model": "gpt-4o", "provider": "openai"}
    return Stored(**{**nothing, **usual, **columns})


def trace(at: datetime, *calls: Call, rng: Random | None = None, **columns: Any) -> Summary:
    """A trace of these calls (by default of a usual one), of another user each."""
    chance = rng or Random(1)
    made = {
        "trace_id": UUID(int=chance.getrandbits(128)) if rng else ids.new_id(),
        "duration_ms": 900 * chance.lognormvariate(0, 0.3),
        "failed": False,
        "cost": Decimal(str(round(0.002 * chance.lognormvariate(0, 0.3), 6))),
        "goal": " ".join(chance.sample(WORDS, 8)),
        "session_id": f"session-{chance.getrandbits(40)}",
        "user_id": None,
        "revision": 1,
        **columns,
    }
    said = " ".join(chance.sample(ANSWERS, 9))
    return Summary(
        started_at=at, calls=list(calls) or [call(answer=said)], skeleton="", steps=[], prompt=None, text="", **made
    )


class Watched:
    """A feature whose traces come one after another, some minutes apart."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.project = core.project()
        self.id: UUID = core.do(rows.feature, self.project)
        self.at = BEGIN
        self.rng = Random(7)

    def some(self, count: int, *calls: Call, minutes: float = 10, **columns: Any) -> list[Summary]:
        """So many traces, the next ones in time; callables among the columns are asked for each."""
        made = []
        for _ in range(count):
            self.at += timedelta(minutes=minutes)
            own = {name: value() if callable(value) else value for name, value in columns.items()}
            made.append(trace(self.at, *calls, rng=self.rng, **own))
        return made

    def note(self, summaries: list[Summary], feature_id: UUID | None = None) -> Noted:
        """Has them noted, as traces of that feature."""
        assigned = {"project": self.project, "feature": feature_id or self.id}
        self.core.sql(ASSIGN, ids=[one.trace_id for one in summaries], **assigned)
        assignments = [Assignment(one, feature_id or self.id, "structure", 0.9) for one in summaries]
        return note(self.project, assignments, job_id=ids.new_id())

    def drifts(self, state: str | None = None) -> list[FeatureDrift]:
        """Its drifts, the oldest first."""

        def read(session: Session) -> list[FeatureDrift]:
            query = FeatureDrift.in_project(self.project).order_by(FeatureDrift.id)
            return [one for one in session.scalars(query) if state in (None, one.state)]

        found: list[FeatureDrift] = self.core.do(read)
        return found

    def prompts(self) -> list[FeaturePrompt]:
        """Its prompts, the most used first."""

        def read(session: Session) -> list[FeaturePrompt]:
            return [*session.scalars(FeaturePrompt.in_project(self.project).order_by(FeaturePrompt.seen.desc()))]

        found: list[FeaturePrompt] = self.core.do(read)
        return found

    def events(self) -> list[tuple[str, dict[str, Any]]]:
        """What was told of it."""
        statement = "SELECT type, data FROM job_events WHERE job_id = :id ORDER BY sequence"
        return [(row.type, row.data) for row in self.core.sql(statement, id=self.id)]

    @property
    def at_risk(self) -> bool:
        """As its row says."""
        return bool(self.core.sql("SELECT at_risk FROM features WHERE id = :id", id=self.id)[0].at_risk)
