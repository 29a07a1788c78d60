"""What a decision leaves to be done, in short steps: a large feature's traces go over, and a feature learns what the
traces look like that a person gave it. Decisions are made in one transaction, and may be about a million traces; the
first step is taken in it, so that small ones are done at once.

An errand that moves traces stays some minutes after the last one: an analysis that had begun before the decision may
still assign some to where they do not belong any more.
"""

from collections.abc import Collection, Sequence
from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from infra import db
from infra.clock import now
from models import ErrandAction, FeatureErrand
from workers.features import moving

AT_ONCE = 2_000
STEPS = 20
MOST_TRIES = 5
# Longer than an analysis may take.
STAYS = timedelta(minutes=20)
LOOKS_AGAIN = timedelta(seconds=5)
LEASE = timedelta(seconds=60)

log = structlog.get_logger(__name__)


def leave_move(session: Session, project_id: UUID, from_id: UUID, into_id: UUID | None) -> None:
    """Has all traces of a feature go over to another, or to none: the first ones now, the others by and by."""
    moving.move_some(session, project_id, from_id, into_id, AT_ONCE)
    session.add(
        FeatureErrand(
            project_id=project_id,
            action=ErrandAction.MOVE.value,
            feature_id=from_id,
            into_id=into_id,
            due_at=now(),
        )
    )
    session.flush()


def leave_lesson(
    session: Session, project_id: UUID, feature_id: UUID, *, trace_ids: Sequence[UUID] = (), inputs: Sequence[str] = ()
) -> None:
    """Has a feature get pinned prototypes of traces, and of texts as its users would write them."""
    if trace_ids or inputs:
        session.add(
            FeatureErrand(
                project_id=project_id,
                action=ErrandAction.TEACH.value,
                feature_id=feature_id,
                trace_ids=[*trace_ids],
                inputs=[*inputs],
                due_at=now(),
            )
        )
        session.flush()


def redirect(session: Session, project_id: UUID, from_id: UUID, into_id: UUID) -> None:
    """What was to be done for a feature is done for the one that it was merged into."""
    own = FeatureErrand.project_id == project_id
    session.execute(update(FeatureErrand).where(own, FeatureErrand.into_id == from_id).values(into_id=into_id))
    taught = (own, FeatureErrand.feature_id == from_id, FeatureErrand.action == ErrandAction.TEACH.value)
    session.execute(update(FeatureErrand).where(*taught).values(feature_id=into_id))


def forget(session: Session, project_id: UUID, feature_ids: Collection[UUID]) -> None:
    """Traces that were on their way to these features go to none, and nobody teaches them any more."""
    own = FeatureErrand.project_id == project_id
    session.execute(update(FeatureErrand).where(own, FeatureErrand.into_id.in_(feature_ids)).values(into_id=None))
    session.execute(delete(FeatureErrand).where(own, FeatureErrand.feature_id.in_(feature_ids)))


def move() -> int:
    """Has traces go over that are due, in steps, each in a short transaction of its own; returns how many steps."""
    for step in range(STEPS):
        with db.transaction() as session:
            errand = session.scalars(FeatureErrand.due(ErrandAction.MOVE, now())).first()
            if errand is None:
                return step
            _move(session, errand)
    return STEPS


def teach() -> int:
    """Has features learn what they are due to; returns how many lessons that were. It computes: texts are embedded."""
    for step in range(STEPS):
        with db.transaction() as session:
            errand = session.scalars(FeatureErrand.due(ErrandAction.TEACH, now())).first()
            if errand is None:
                return step
            errand.tries += 1
            errand.due_at = now() + LEASE * errand.tries
        _teach(errand)
    return STEPS


def _move(session: Session, errand: FeatureErrand) -> None:
    moved = moving.move_some(session, errand.project_id, errand.feature_id, errand.into_id, AT_ONCE)
    moment = now()
    if moved < AT_ONCE and moment - errand.created_at > STAYS:
        session.delete(errand)
    else:
        errand.due_at = moment + (LOOKS_AGAIN if moved < AT_ONCE else timedelta(0))
    session.flush()


def _teach(errand: FeatureErrand) -> None:
    """Learns with no transaction open, since texts are embedded; another try comes after the lease."""
    from workers.features import teaching  # needs the model, which the API does not load

    try:
        teaching.teach(errand)
    except Exception as error:
        log.error("feature_lesson_failed", tries=errand.tries, error=type(error).__name__)
        if errand.tries < MOST_TRIES:
            return
        with db.transaction() as session:
            session.execute(delete(FeatureErrand).where(FeatureErrand.id == errand.id))
