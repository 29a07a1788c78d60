"""Reviews: a draft is submitted, and somebody else approves or rejects it. A changed draft has to be submitted again.

Whoever calls these has the knowledge base locked. `KnowledgeBase.review` shows the last word on the present draft; the
rows of kb_reviews are the history, which says of every version whether its draft was approved.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import Select
from sqlalchemy.orm import Session

from infra import ids
from infra.clock import now
from infra.errors import Conflict, Forbidden, ReviewRequired
from models import EntryType, KbEntry, KbReview, KnowledgeBase, ReviewState
from workers import events
from workers.knowledge import bases
from workers.paging import PageOf, Window, page

Json = dict[str, Any]

DECISIONS = {"approve": ReviewState.APPROVED, "reject": ReviewState.REJECTED}


def submit(session: Session, base: KnowledgeBase, *, by: UUID, note: str | None) -> KbReview:
    """A new review of the present draft; raises Conflict where the draft is empty, waits already or is approved."""
    state = (base.review or {}).get("state")
    if state in (ReviewState.SUBMITTED, ReviewState.APPROVED):
        raise Conflict(f"This draft is {state} already; nothing in it has changed since.")
    if is_empty(session, base):
        raise Conflict("The draft is empty, so there is nothing to review; add an entry first.")
    review = KbReview(
        id=ids.new_id(),
        project_id=base.project_id,
        knowledge_base_id=base.id,
        draft_serial=base.draft_serial,
        state=ReviewState.SUBMITTED,
        submitted_by=by,
        note=note,
    )
    session.add(review)
    _remember(session, base, review)
    _tell(session, base, review, "kb.submitted", by, note)
    return review


def decide(session: Session, base: KnowledgeBase, *, by: UUID, body: Json) -> KbReview:
    """The review of the submitted draft, decided; raises Conflict where none waits or the draft is not the one that was
    read, and Forbidden for whoever submitted it."""
    review = current(session, base)
    if review is None or review.state != ReviewState.SUBMITTED:
        raise Conflict("No draft waits for a review; it was never submitted, was changed since, or is decided.")
    if body["draft_serial"] not in (None, review.draft_serial):
        raise Conflict(f"The submitted draft has the serial {review.draft_serial}, and you read another one.")
    if review.submitted_by == by:
        raise Forbidden("Who submitted a draft does not review it; another member must, with a key of their own.")
    review.state = DECISIONS[body["decision"]]
    review.reviewed_by, review.reviewed_at, review.review_note = by, now(), body["note"]
    _remember(session, base, review)
    approved = review.state == ReviewState.APPROVED
    _tell(session, base, review, "kb.approved" if approved else "kb.rejected", by, body["note"])
    return review


def current(session: Session, base: KnowledgeBase) -> KbReview | None:
    """The last review of the draft as it is now; None where there is none."""
    if base.review is None:
        return None
    query = _of(base).where(KbReview.draft_serial == base.draft_serial)
    return session.scalars(query.order_by(KbReview.id.desc())).first()


def list_reviews(session: Session, base: KnowledgeBase, window: Window) -> PageOf[KbReview]:
    """All reviews of the knowledge base's drafts."""
    return page(session, _of(base), KbReview, window)


def require_approved(session: Session, base: KnowledgeBase, draft_serial: int) -> None:
    """Raises ReviewRequired where the knowledge base wants reviews and that draft was not approved."""
    if not bases.settings_of(base)["review_required"]:
        return
    query = _of(base).where(KbReview.draft_serial == draft_serial, KbReview.state == ReviewState.APPROVED)
    if session.scalars(query).first() is None:
        raise ReviewRequired


def is_empty(session: Session, base: KnowledgeBase) -> bool:
    """Whether the draft has no entry at all."""
    query = KbEntry.in_project(base.project_id).where(
        KbEntry.knowledge_base_id == base.id, KbEntry.type.in_(list(EntryType)), KbEntry.draft_revision_id.is_not(None)
    )
    return session.scalars(query.limit(1)).first() is None


def _of(base: KnowledgeBase) -> Select[KbReview]:
    return KbReview.in_project(base.project_id).where(KbReview.knowledge_base_id == base.id)


def _remember(session: Session, base: KnowledgeBase, review: KbReview) -> None:
    """The base says where its draft stands, so that nobody needs to look the review up."""
    base.review = {"id": review.public_id, "state": review.state, "draft_serial": review.draft_serial}
    base.updated_at = now()
    session.flush()


def _tell(session: Session, base: KnowledgeBase, review: KbReview, type: str, by: UUID, note: str | None) -> None:
    data = {
        "knowledge_base_id": base.public_id,
        "draft_serial": review.draft_serial,
        "by": ids.show("key", by),
        "note": note,
    }
    events.publish(session, project_id=base.project_id, subject_id=base.id, type=type, data=data)
