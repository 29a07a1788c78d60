"""Drifts as rows, features as at risk, and the events that say so."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from infra import ids
from models import Case, CaseState, DriftSignal, DriftState, Feature, FeatureDrift
from workers import events
from workers.features.drift import causes, telling
from workers.features.drift.causes import Cause
from workers.features.drift.sites import LOOSE, PARAMETERS, TEMPLATE, TOOLS, Change, Site

Json = dict[str, Any]

MOST_CASES = 1_000
MOST_HISTORY = 20


@dataclass(slots=True)
class Noted:
    """Drifts that were opened or changed, and the features that are at risk by them."""

    drifts: list[UUID] = field(default_factory=list)
    at_risk: list[UUID] = field(default_factory=list)

    def add(self, drift: FeatureDrift) -> None:
        """Each once."""
        for known, one in ((self.drifts, drift.id), (self.at_risk, drift.feature_id)):
            if one not in known:
                known.append(one)


def open_of(session: Session, feature: Feature) -> list[FeatureDrift]:
    """The feature's open drifts, locked, the oldest first."""
    query = FeatureDrift.in_project(feature.project_id).where(FeatureDrift.feature_id == feature.id)
    query = query.where(FeatureDrift.state == DriftState.OPEN.value).order_by(FeatureDrift.id)
    return [*session.scalars(query.with_for_update().execution_options(populate_existing=True))]


def put_at_risk(session: Session, feature: Feature, drift: FeatureDrift, *, new: bool) -> FeatureDrift:
    """Writes the drift, has its feature be at risk, and tells of it."""
    if new:
        session.add(drift)
    feature.at_risk = True
    session.flush()
    events.publish(
        session,
        project_id=feature.project_id,
        subject_id=feature.id,
        type="feature.at_risk",
        data={
            "feature_id": feature.public_id,
            "key": feature.key,
            "name": feature.name,
            "drift_id": drift.public_id,
            "signal": drift.signal,
            "root_cause": drift.root_cause,
            "confidence": drift.confidence,
            "summary": drift.summary,
            "test_case_ids": _cases(session, feature),
        },
    )
    return drift


def _cases(session: Session, feature: Feature) -> list[str]:
    own = Case.in_project(feature.project_id).where(Case.feature_id == feature.id, Case.deleted_at.is_(None))
    approved = own.where(Case.state == CaseState.APPROVED.value).order_by(Case.id).limit(MOST_CASES)
    return [ids.show(Case.prefix, one) for one in session.scalars(approved.with_only_columns(Case.id))]


def new_drift(feature: Feature, cause: Cause, *, call_site: str | None, since: datetime, **said: Any) -> FeatureDrift:
    """A row that is not written yet."""
    return FeatureDrift(
        id=ids.new_id(),
        project_id=feature.project_id,
        feature_id=feature.id,
        call_site=call_site,
        signal=cause.signal.value,
        root_cause=cause.root_cause.value,
        confidence=cause.confidence,
        since=since,
        state=DriftState.OPEN.value,
        **said,
    )


def open_change(
    session: Session, feature: Feature, name: str, site: Site, change: Change, known: Sequence[FeatureDrift]
) -> FeatureDrift:
    """The drift of a prompt that changed: a new one, or what is open about it already, with the newest prompt as its
    other side."""
    cause = causes.of_change(change)
    parts = {part: {key: one[3] for key, one in site.values[part].items()} for part in (PARAMETERS, TOOLS)}
    before, after = (telling.side(site, one, parts) for one in change.prompts)
    if change.part in (TEMPLATE, LOOSE):
        before["seen"] = site.value(TEMPLATE, change.switch.old).seen
    tools = tuple(parts[TOOLS].get(_key(site, one)) for one in change.prompts)
    since = datetime.fromtimestamp(change.since / 1000, UTC)
    evidence: Json = {
        "changed": [*change.parts],
        "share": round(change.switch.share, 3),
        "trace_ids": {
            side: telling.trace_ids(found) for side, found in zip(("before", "after"), change.traces, strict=True)
        },
        "signals": {},
    }
    same = next((one for one in known if one.call_site == name and one.signal == cause.signal.value), None)
    if same is not None and same.root_cause == cause.root_cause.value:
        return _again(session, feature, same, after, evidence)
    drift = new_drift(
        feature,
        cause,
        call_site=name,
        since=since,
        before=before,
        after=after,
        diff=telling.diff_of(change, before, after, (tools[0], tools[1])),
        summary=telling.of_change(change, name, before, after),
        evidence=evidence,
    )
    return put_at_risk(session, feature, drift, new=True)


def _key(site: Site, prompt_id: str | None) -> str:
    return next((str(one["tools"]) for one in site.prompts.values() if one["id"] == prompt_id), "")


def _again(session: Session, feature: Feature, drift: FeatureDrift, after: Json, evidence: Json) -> FeatureDrift:
    """A further change while one is open: still what it was before against what it is now."""
    history = [*drift.evidence.get("history", []), {"after": drift.after, "trace_ids": drift.evidence.get("trace_ids")}]
    drift.evidence = {
        **drift.evidence,
        "changed": [*dict.fromkeys([*drift.evidence.get("changed", []), *evidence["changed"]])],
        "trace_ids": {**evidence["trace_ids"], "before": drift.evidence.get("trace_ids", {}).get("before", [])},
        "history": history[-MOST_HISTORY:],
    }
    drift.after = after
    if drift.signal == DriftSignal.PROMPT:
        drift.diff = telling.difference(drift.before.get("template") or "", after.get("template") or "")
    session.flush()
    return drift


def join(session: Session, drift: FeatureDrift, signals: Json) -> None:
    """Adds the figures of signals that changed at about the same time."""
    drift.evidence = {**drift.evidence, "signals": {**drift.evidence.get("signals", {}), **signals}}
    session.flush()
