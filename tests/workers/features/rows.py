"""Features, and what hangs on them, written straight into the database: `core.do(rows.feature, project, "Refunds")`."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from infra import ids, json
from infra.clock import now
from models import (
    CaseResult,
    CaseState,
    DriftSignal,
    Feature,
    FeatureDrift,
    FeatureErrand,
    FeatureFact,
    FeaturePrompt,
    FeaturePrototype,
    FeatureSite,
    FeatureState,
    FeatureWatch,
    JobEvent,
    RootCause,
    Run,
    Trace,
)
from schemas.case import CaseIn
from workers.suites import cases

Json = dict[str, Any]
STEP = {"method": "GET", "url": "/"}


class Rows:
    """Another process's database, for tests that speak to it over HTTP otherwise."""

    def __init__(self, url: str, project_id: str) -> None:
        self._engine = create_engine(
            make_url(url).set(drivername="postgresql+psycopg2"),
            json_serializer=json.dumps,
            json_deserializer=json.loads,
        )
        self.project = UUID(hex=project_id.removeprefix("proj_"))

    def do(self, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Calls one of the functions here in a transaction of its own, for that project."""
        with Session(self._engine, expire_on_commit=False, autoflush=False) as session, session.begin():
            return function(session, self.project, *args, **options)

    def add(self, prefix: str, function: Callable[..., UUID], *args: Any, **options: Any) -> str:
        """The same for what makes something, whose id it returns as clients see it."""
        return ids.show(prefix, self.do(function, *args, **options))

    def close(self) -> None:
        """Lets go of the connections."""
        self._engine.dispose()


def feature(session: Session, project: UUID, name: str = "Track an order", **columns: Any) -> UUID:
    """A feature as an analysis would have found it."""
    made = ids.new_id()
    wanted = {
        "key": f"key_{made.hex}",
        "named_by": "rule",
        "state": FeatureState.DETECTED.value,
        "evidence": {"trace_ids": [], "inputs": ["Where is it?"]},
        "updated_at": now(),
        **columns,
    }
    session.add(Feature(id=made, project_id=project, name=name, **wanted))
    session.flush()
    return made


def trace(session: Session, project: UUID, feature_id: UUID | None = None, **columns: Any) -> UUID:
    """A trace that was rolled up and analysed."""
    made, moment = uuid4(), columns.pop("started_at", now())
    wanted = {
        "rolled_up": 1,
        "analysed": 1,
        "assigned_by": "structure" if feature_id else None,
        "confidence": 0.9 if feature_id else None,
        **columns,
    }
    times = dict.fromkeys(("first_received_at", "received_at", "started_at"), moment)
    session.add(Trace(project_id=project, id=made, feature_id=feature_id, **times, **wanted))
    session.flush()
    return made


def drift(session: Session, project: UUID, feature_id: UUID, **columns: Any) -> UUID:
    """An open drift, which puts the feature at risk."""
    wanted = {
        "call_site": "POST /chat > chat",
        "signal": DriftSignal.PROMPT.value,
        "root_cause": RootCause.SYSTEM_CHANGED.value,
        "confidence": 0.9,
        "summary": "The system prompt changed.",
        "since": now() - timedelta(hours=1),
        "before": {"template": "Be brief."},
        "after": {"template": "Be long."},
        "diff": "-Be brief.\n+Be long.",
        "evidence": {},
        **columns,
    }
    made = FeatureDrift(id=ids.new_id(), project_id=project, feature_id=feature_id, **wanted)
    session.add(made)
    whose = session.scalars(Feature.in_project(project).where(Feature.id == feature_id)).one()
    whose.at_risk = True
    session.flush()
    return made.id


def prompt(session: Session, project: UUID, feature_id: UUID, **columns: Any) -> UUID:
    """A prompt of the feature."""
    moment = now()
    wanted = {
        "call_site": "POST /chat > chat",
        "fingerprint": uuid4().hex * 2,
        "template": "You help {name}.",
        "provider": "openai",
        "model": "gpt-4o-mini",
        "parameters": {"temperature": 0.2},
        "tools": [],
        "seen": 3,
        "days": 1,
        "first_seen_at": moment,
        "last_seen_at": moment,
        "last_trace_id": uuid4(),
        **columns,
    }
    made = FeaturePrompt(id=ids.new_id(), project_id=project, feature_id=feature_id, **wanted)
    session.add(made)
    session.flush()
    return made.id


def prototype(session: Session, project: UUID, feature_id: UUID, **columns: Any) -> UUID:
    """A prototype of the feature."""
    wanted = {"model": "words", "embedding": [0.0] * 384, "summary": "where is it", "details": {}, **columns}
    made = FeaturePrototype(id=ids.new_id(), project_id=project, feature_id=feature_id, **wanted)
    session.add(made)
    session.flush()
    return made.id


def watched(session: Session, project: UUID, feature_id: UUID) -> UUID:
    """What the watch over a feature remembers."""
    session.add(FeatureSite(project_id=project, feature_id=feature_id, call_site="POST /chat > chat", state={}))
    session.add(FeatureWatch(project_id=project, feature_id=feature_id))
    session.flush()
    return feature_id


def fact(session: Session, project: UUID, feature_id: UUID, trace_id: UUID) -> UUID:
    """What was noted of a trace."""
    made = {"at": now(), "revision": 1, "duration_ms": 1.0, "failed": False}
    session.add(FeatureFact(project_id=project, trace_id=trace_id, feature_id=feature_id, **made))
    session.flush()
    return trace_id


def case(session: Session, project: UUID, feature_id: UUID, state: CaseState = CaseState.APPROVED) -> UUID:
    """A test case of the feature."""
    body = CaseIn().load({"name": "one", "steps": [STEP], "feature_id": ids.show("feat", feature_id)})
    return cases.create_case(session, project, body, created_by=None, state=state).id


def end_run(session: Session, project: UUID, run_id: UUID, verdicts: dict[UUID, str], **columns: Any) -> None:
    """Ends a run that was started, as its worker would: what became of each case, and of all."""
    write_results(session, project, verdicts, run_id=run_id, quarantined=columns.get("quarantined", False))
    run = session.scalars(Run.in_project(project).where(Run.id == run_id)).one()
    bad = [one for one in verdicts.values() if one != "passed"]
    run.verdict, run.finished_at = columns.get("verdict") or (bad or ["passed"])[0], now()
    session.flush()


def write_results(
    session: Session,
    project: UUID,
    verdicts: dict[UUID, str],
    *,
    run_id: UUID | None = None,
    quarantined: bool = False,
) -> None:
    """What became of cases in a run."""
    run_id = run_id or ids.new_id()
    for position, (case_id, verdict) in enumerate(verdicts.items()):
        session.add(
            CaseResult(
                run_id=run_id,
                case_id=case_id,
                project_id=project,
                position=position,
                case_version=1,
                name="one",
                verdict=verdict,
                counts={},
                milliseconds=1.0,
                fingerprints=[],
                new_fingerprints=[],
                quarantined=quarantined,
                finished_at=now(),
            )
        )
    session.flush()


def get(session: Session, project: UUID, feature_id: UUID) -> Feature:
    """The feature as it is."""
    return session.scalars(Feature.in_project(project).where(Feature.id == feature_id)).one()


def errands(session: Session, project: UUID) -> list[FeatureErrand]:
    """What is to be done."""
    return [*session.scalars(FeatureErrand.in_project(project).order_by(FeatureErrand.id))]


def prototypes(session: Session, project: UUID, feature_id: UUID) -> list[FeaturePrototype]:
    """What was learnt of a feature."""
    return [*session.scalars(FeaturePrototype.in_project(project).where(FeaturePrototype.feature_id == feature_id))]


def changes(session: Session, project: UUID, feature_id: UUID) -> list[str]:
    """What was told of decisions about a feature."""
    query = JobEvent.in_project(project).where(JobEvent.job_id == feature_id, JobEvent.type == "feature.changed")
    return [one.data["change"] for one in session.scalars(query.order_by(JobEvent.sequence))]
