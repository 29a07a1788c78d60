"""The tests of features at risk are run again, and what they say is taken: where all of a feature's cases pass, the
drifts that were open when the run began are resolved. Where they do not, the feature stays at risk, and the run is
noted in its drifts.
"""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from infra import db, ids
from infra.clock import now, rfc3339
from infra.errors import BadInput, Conflict, FeatureHasNoTests
from models import Case, CaseResult, DriftState, Feature, FeatureDrift, FeatureRerun, Job, Run, Verdict
from schemas.test_run import MOST_CASES
from schemas.test_run_request import input_of
from workers.features import manage
from workers.features.drift import resolving
from workers.jobs.submit import Wish
from workers.suites import case_lists, counting
from workers.suites.running.starting import start

Json = dict[str, Any]

NONE = "This feature has no approved test case."
NONE_OF_THEM = "None of the features at risk has an approved test case."
HOW = (
    "POST /v1/traces/{trace_id}/suggested_tests writes drafts from a trace; approve them, or give other test cases the "
    "feature's id as `feature_id`."
)
AT_ONCE = 50
MOST_NOTED = 20


def rerun(session: Session, feature: Feature, body: Json, wish: Wish) -> Job:
    """The job of a run of the feature's approved cases; `body` is what SuiteRunIn loaded. Raises FeatureHasNoTests, and
    what starting any run raises."""
    manage.require_own(feature)
    return _start(session, feature.project_id, [feature], body, wish, without=NONE)


def rerun_all(session: Session, project_id: UUID, body: Json, wish: Wish) -> Job:
    """The job of one run of the approved cases of all features at risk. Raises Conflict where none is, and what `rerun`
    raises."""
    query = manage.lasting(project_id).where(Feature.at_risk.is_(True)).order_by(Feature.id)
    features = [*session.scalars(query.with_for_update())]
    if not features:
        raise Conflict("No feature is at risk, so there is nothing to run again.")
    return _start(session, project_id, features, body, wish, without=NONE_OF_THEM)


def settle() -> int:
    """Takes what runs that have ended say of features; returns how many runs that were."""
    with db.transaction() as session:
        ended = [*session.scalars(FeatureRerun.ended(AT_ONCE))]
        for one in ended:
            _settle(session, one)
            session.delete(one)
        session.flush()
    return len(ended)


def _start(
    session: Session, project_id: UUID, features: Sequence[Feature], body: Json, wish: Wish, *, without: str
) -> Job:
    cases = _cases(session, project_id, features, drafts=body["include_drafts"])
    if not cases:
        raise FeatureHasNoTests(f"{without} {HOW}")
    wanted = {**input_of(body), "test_case_ids": [ids.show(Case.prefix, one) for one, _ in cases]}
    job = start(session, project_id, wanted, wish)
    drifts = _open(session, project_id, [one.id for one in features])
    said: dict[str, Any] = {}
    for case_id, feature_id in cases:
        said.setdefault(feature_id.hex, {"drifts": [], "cases": []})["cases"].append(case_id.hex)
    for drift in drifts:
        if drift.feature_id.hex in said:
            said[drift.feature_id.hex]["drifts"].append(drift.id.hex)
            _note(drift, ids.show(Run.prefix, job.id), None, None)
    session.add(FeatureRerun(id=job.id, project_id=project_id, features=said))
    session.flush()
    return job


def _cases(session: Session, project_id: UUID, features: Sequence[Feature], *, drafts: bool) -> list[tuple[UUID, UUID]]:
    """Cases with their features, as many as a run may have."""
    own = case_lists.runnable(project_id, drafts=drafts).where(Case.feature_id.in_([one.id for one in features]))
    columns = own.with_only_columns(Case.id, Case.feature_id).order_by(Case.id).limit(MOST_CASES + 1)
    found = [(row.id, row.feature_id) for row in session.execute(columns)]
    if len(found) > MOST_CASES:
        raise BadInput(f"These features have more than {MOST_CASES:,} test cases; run one feature at a time.")
    return found


def _open(session: Session, project_id: UUID, feature_ids: Sequence[UUID]) -> list[FeatureDrift]:
    query = FeatureDrift.in_project(project_id).where(FeatureDrift.feature_id.in_(feature_ids))
    return _locked(session, query.where(FeatureDrift.state == DriftState.OPEN.value))


def _locked(session: Session, query: Any) -> list[FeatureDrift]:
    locked = query.order_by(FeatureDrift.id).with_for_update().execution_options(populate_existing=True)
    return [*session.scalars(locked)]


def _settle(session: Session, rerun: FeatureRerun) -> None:
    run = session.scalars(Run.in_project(rerun.project_id).where(Run.id == rerun.id)).first()
    results = CaseResult.in_project(rerun.project_id).where(CaseResult.run_id == rerun.id)
    found = {one.case_id.hex: one for one in session.scalars(results)}
    _lock_features(session, rerun)
    for said in rerun.features.values():
        own = [found[one] for one in said["cases"] if one in found]
        verdict, reason = _verdict(run, own)
        query = FeatureDrift.in_project(rerun.project_id).where(
            FeatureDrift.id.in_([UUID(one) for one in said["drifts"]])
        )
        for drift in _locked(session, query):
            _note(drift, ids.show(Run.prefix, rerun.id), verdict, reason)
            if verdict == Verdict.PASSED and drift.state == DriftState.OPEN:
                resolving.resolve(session, drift, {"by": "tests", "run_id": ids.show(Run.prefix, rerun.id)})


def _lock_features(session: Session, rerun: FeatureRerun) -> None:
    """Locks the features that the drifts are of by now: everybody locks a feature before its drifts."""
    drifts = [UUID(one) for said in rerun.features.values() for one in said["drifts"]]
    whose = FeatureDrift.in_project(rerun.project_id).where(FeatureDrift.id.in_(drifts))
    of_drifts = whose.with_only_columns(FeatureDrift.feature_id)
    own = Feature.in_project(rerun.project_id).where(Feature.id.in_(of_drifts))
    session.execute(own.with_only_columns(Feature.id).order_by(Feature.id).with_for_update())


def _verdict(run: Run | None, results: Iterable[CaseResult]) -> tuple[str, str | None]:
    """What the run says of a feature by the cases that are its own. Cases in quarantine alone say nothing."""
    if run is None:
        return Verdict.CANCELLED.value, "The run was deleted."
    counts = counting.counts_of(results)
    if run.verdict == Verdict.CANCELLED:
        return Verdict.CANCELLED.value, run.reason
    if not sum(count for name, count in counts.items() if name != counting.QUARANTINED):
        return Verdict.SKIPPED.value, run.reason or "All of its test cases are in quarantine."
    return counting.verdict_of(counts).value, counting.reason_of(counts) or run.reason


def _note(drift: FeatureDrift, run_id: str, verdict: str | None, reason: str | None) -> None:
    """Says of a drift how the run goes that tests its feature; the newest ones are kept."""
    others = [one for one in drift.reruns or () if one["run_id"] != run_id]
    drift.reruns = [*others, {"run_id": run_id, "verdict": verdict, "reason": reason, "at": rfc3339(now())}][
        -MOST_NOTED:
    ]
