"""Takes note of assigned traces: what their calls were made with, how they went, and whether that is a drift.

A portion of traces is noted in one transaction: the prompts of their call sites, in the order of the traces' times, and
a row of facts each. Then the features that have enough new facts are looked at, a transaction each (watching.py). A
trace that was noted is not noted again, unless it has a newer revision or another feature; its prompts are counted
once. What a transaction did not get to, the next call does: it is told by what is written, not by what is handed over.

Features are locked by id while something of them is written, so that a person's decisions come before or after. What
is handed over may name a feature that was merged meanwhile; it is noted for the one that stands for it. What a person
gave to another feature meanwhile, or deleted, is not noted. A dismissed feature is noted, in case it is confirmed after
all, and never at risk.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.orm import Session

from infra import db
from infra.clock import now
from models import DriftSignal, Feature, FeatureDrift, FeatureSite, FeatureState, ObservationStatus
from workers.features import following
from workers.features.base import Assignment
from workers.features.drift import facts, fingerprints, opening, prompts, resolving, watching
from workers.features.drift.fingerprints import Made
from workers.features.drift.opening import Noted
from workers.features.drift.sites import LOOSE, Change, Recovery, Site, Use

Json = dict[str, Any]

PORTION = 500
# Of a feature; a program that names each of its calls anew has the first of them watched.
MOST_SITES = 100
# A feature's backlog, a thousand traces each.
MOST_ROUNDS = 200
NOTED_SIGNALS = (DriftSignal.PROMPT.value, DriftSignal.MODEL.value)


@dataclass(slots=True)
class Trace:
    """One to be noted: its row, and what its calls were made with, by call site."""

    assignment: Assignment
    fact: Json
    made: list[tuple[str, Made]]


def note(project_id: UUID, assignments: Sequence[Assignment], *, job_id: UUID) -> Noted:
    """Notes traces, in rough order of their times, for their features; what drifted by that. Opens transactions of its
    own; raises what the database does where it is away. `job_id` is the job that assigned them."""
    noted = Noted()
    touched: set[UUID] = set()
    ordered = sorted(assignments, key=lambda one: (one.summary.started_at, one.summary.trace_id))
    for at in range(0, len(ordered), PORTION):
        traces = [_prepared(one) for one in ordered[at : at + PORTION]]
        with db.transaction() as session:
            touched |= _Portion(session, project_id, traces, noted).write()
    _watch(project_id, touched, noted)
    return noted


def _prepared(assignment: Assignment) -> Trace:
    """All that takes no database."""
    made: dict[tuple[Any, ...], tuple[str, Made]] = {}
    for call in assignment.summary.calls:
        if call.observation.status == ObservationStatus.ERROR and not call.texts.system:
            continue
        site, found = fingerprints.site_of(call), fingerprints.made_with(call)
        made.setdefault((site, found.prompt, *found.keys), (site, found))
    return Trace(assignment, facts.fact_of(assignment, now()), [*made.values()])


def _watch(project_id: UUID, feature_ids: Iterable[UUID], noted: Noted) -> None:
    with db.transaction() as session:
        waiting = watching.waiting(session, [*feature_ids])
    for feature_id in waiting:
        for _ in range(MOST_ROUNDS):
            with db.transaction() as session:
                feature = _locked(session, project_id, [feature_id]).get(feature_id)
                if feature is None or feature.state == FeatureState.DISMISSED:
                    break
                loose = _is_loose(session, project_id, feature_id)
                if not watching.Watch(session, feature, noted, loose=loose).through():
                    break


def _locked(session: Session, project_id: UUID, feature_ids: Iterable[UUID]) -> dict[UUID, Feature]:
    query = Feature.in_project(project_id).where(Feature.id.in_([*feature_ids])).order_by(Feature.id)
    locked = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    return {one.id: one for one in session.scalars(locked) if one.merged_into is None}


def _is_loose(session: Session, project_id: UUID, feature_id: UUID) -> bool:
    """Whether the prompts of one of the feature's call sites are ad hoc."""
    query = FeatureSite.in_project(project_id).where(FeatureSite.feature_id == feature_id)
    said = query.with_only_columns(FeatureSite.state["loose"].as_boolean())
    return any(session.scalars(said))


class _Portion:
    """Some hundred traces, in one transaction."""

    def __init__(self, session: Session, project_id: UUID, traces: Sequence[Trace], noted: Noted) -> None:
        self._session, self._project_id, self._noted = session, project_id, noted
        stands = following.by_id(session, project_id, {one.assignment.feature_id for one in traces})
        self._features = _locked(session, project_id, {one.id for one in stands.values()})
        trace_ids = [one.assignment.summary.trace_id for one in traces]
        whose = facts.whose(session, project_id, trace_ids)
        self._feature_of = {one: stands[of].id for one, of in whose.items() if of is not None and of in stands}
        self._known = facts.known(session, project_id, trace_ids)
        self._traces = [one for one in traces if self._is_new(one)]
        self._sites: dict[tuple[UUID, str], Site] = {}
        self._former: dict[tuple[UUID, str], set[str]] = {}
        self._changed: list[tuple[UUID, str, Change | Recovery]] = []

    def _is_new(self, trace: Trace) -> bool:
        summary = trace.assignment.summary
        feature_id, row = self._feature_of.get(summary.trace_id), self._known.get(summary.trace_id)
        if feature_id not in self._features:
            return False
        return row is None or row.feature_id != feature_id or row.revision < summary.revision

    def write(self) -> set[UUID]:
        """Writes them all; the features that they are of."""
        if not self._traces:
            return set(self._features)
        self._load()
        rows = [self._take(one) for one in self._traces]
        facts.write(self._session, self._project_id, rows)
        for feature_id, name, change in self._changed:
            self._tell(feature_id, name, change)
        prompts.write(self._session, self._project_id, self._sites, self._former)
        return set(self._features)

    def _load(self) -> None:
        wanted = {
            (self._feature_of[one.assignment.summary.trace_id], site) for one in self._traces for site, _ in one.made
        }
        query = FeatureSite.in_project(self._project_id).where(
            FeatureSite.feature_id.in_({one for one, _ in wanted}),
            FeatureSite.call_site.in_({one for _, one in wanted}),
        )
        order = (FeatureSite.feature_id, FeatureSite.call_site)
        columns = query.with_only_columns(*order, FeatureSite.state).order_by(*order).with_for_update()
        for feature_id, name, state in self._session.execute(columns):
            if (feature_id, name) in wanted:
                site = self._sites[feature_id, name] = Site(state)
                self._former[feature_id, name] = {str(one["id"]) for one in site.prompts.values()}
        new = sorted(wanted - self._sites.keys())
        room = self._room({one for one, _ in new})
        for feature_id, name in new:
            if room[feature_id]:
                room[feature_id] -= 1
                self._sites[feature_id, name] = Site()

    def _room(self, feature_ids: set[UUID]) -> dict[UUID, int]:
        """How many call sites each may still have."""
        query = FeatureSite.in_project(self._project_id).where(FeatureSite.feature_id.in_(feature_ids))
        counted = query.with_only_columns(FeatureSite.feature_id, func.count()).group_by(FeatureSite.feature_id)
        rows = self._session.execute(counted) if feature_ids else ()
        return {**dict.fromkeys(feature_ids, MOST_SITES), **{one: max(0, MOST_SITES - known) for one, known in rows}}

    def _take(self, trace: Trace) -> Json:
        summary = trace.assignment.summary
        feature_id = self._feature_of[summary.trace_id]
        row = self._known.get(summary.trace_id)
        counted = set(row.sites) if row is not None and row.feature_id == feature_id else set()
        at = int(trace.fact["at"].timestamp() * 1000)
        here = [(name, made) for name, made in trace.made if (feature_id, name) in self._sites]
        for name, made in here:
            if name not in counted:
                use = Use(at, summary.trace_id, made, summary.user_id or summary.session_id)
                changes = self._sites[feature_id, name].take(use)
                self._changed += [(feature_id, name, one) for one in changes]
        sites = sorted({*counted, *(name for name, _ in here)})
        return {**trace.fact, "feature_id": feature_id, "sites": sites}

    def _tell(self, feature_id: UUID, name: str, change: Change | Recovery) -> None:
        feature = self._features[feature_id]
        known = [one for one in opening.open_of(self._session, feature) if one.call_site == name]
        if isinstance(change, Change):
            if feature.state == FeatureState.DISMISSED:
                return
            site = self._sites[feature_id, name]
            self._noted.add(opening.open_change(self._session, feature, name, site, change, known))
            return
        for drift in known:
            if drift.signal in NOTED_SIGNALS and _is_about(drift, change.part):
                moment = datetime.fromtimestamp(change.at / 1000, UTC).isoformat()
                resolving.resolve(self._session, drift, {"by": "recovered", "until": moment})


def _is_about(drift: FeatureDrift, part: str) -> bool:
    """Whether a part that is as it was settles the drift: the first of those that changed stands for all."""
    changed = drift.evidence.get("changed") or [LOOSE]
    return bool(changed[0] == part)
