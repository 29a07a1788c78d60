"""Reviews: who may, what they are about, and what makes them void."""

import pytest

from infra.errors import Conflict, Forbidden, ReviewRequired
from tests.workers.jobs.conftest import Core
from tests.workers.knowledge.conftest import Knowledge
from workers.knowledge import overview, review
from workers.paging import Window

APPROVE = {"decision": "approve", "note": "fine", "draft_serial": None}


def submit(knowledge: Knowledge) -> None:
    knowledge.locked(review.submit, by=knowledge.writer, note="please")


def decide(knowledge: Knowledge, **body) -> str:
    done = knowledge.locked(review.decide, by=knowledge.reviewer, body={**APPROVE, **body})
    return str(done.state)


def states(knowledge: Knowledge) -> list[str]:
    found = knowledge.do(lambda session: review.list_reviews(session, knowledge.base, Window(order="asc")).rows)
    return [one.state for one in found]


def draft_state(knowledge: Knowledge) -> str:
    figures = knowledge.do(lambda session: overview.overviews(session, [knowledge.base]))[knowledge.id]
    return overview.draft_state(knowledge.base, figures)


def test_a_draft_is_submitted_and_another_member_approves_it(knowledge: Knowledge) -> None:
    knowledge.put(a="one")
    assert draft_state(knowledge) == "changed"
    submit(knowledge)
    assert draft_state(knowledge) == "submitted"
    assert decide(knowledge) == "approved"
    assert draft_state(knowledge) == "approved"
    assert knowledge.events() == ["kb.submitted", "kb.approved"]


def test_who_submitted_a_draft_does_not_review_it(knowledge: Knowledge) -> None:
    knowledge.put(a="one")
    submit(knowledge)
    with pytest.raises(Forbidden):
        knowledge.locked(review.decide, by=knowledge.writer, body=APPROVE)
    assert states(knowledge) == ["submitted"]


def test_a_change_of_the_draft_makes_its_review_void(knowledge: Knowledge) -> None:
    knowledge.put(a="one")
    submit(knowledge)
    knowledge.put(a="two")
    assert (draft_state(knowledge), states(knowledge)) == ("changed", ["void"])
    with pytest.raises(Conflict):
        decide(knowledge)
    submit(knowledge)
    decide(knowledge)
    knowledge.put(a="three")
    assert (draft_state(knowledge), states(knowledge)) == ("changed", ["void", "approved"])


def test_what_was_rejected_may_be_submitted_again(knowledge: Knowledge) -> None:
    knowledge.put(a="one")
    submit(knowledge)
    assert decide(knowledge, decision="reject") == "rejected"
    assert draft_state(knowledge) == "rejected"
    submit(knowledge)
    assert decide(knowledge) == "approved"
    assert knowledge.events() == ["kb.submitted", "kb.rejected", "kb.submitted", "kb.approved"]


def test_a_review_is_refused_where_there_is_nothing_to_review(knowledge: Knowledge) -> None:
    with pytest.raises(Conflict, match="empty"):
        submit(knowledge)
    with pytest.raises(Conflict):
        decide(knowledge)
    knowledge.put(a="one")
    submit(knowledge)
    with pytest.raises(Conflict, match="submitted already"):
        submit(knowledge)
    decide(knowledge)
    with pytest.raises(Conflict, match="approved already"):
        submit(knowledge)
    with pytest.raises(Conflict):
        decide(knowledge)


def test_a_judgement_about_another_draft_than_the_one_that_was_read_is_refused(knowledge: Knowledge) -> None:
    knowledge.put(a="one")
    read = knowledge.base.draft_serial
    knowledge.put(a="two")
    submit(knowledge)
    with pytest.raises(Conflict, match="another one"):
        decide(knowledge, draft_serial=read)
    assert decide(knowledge, draft_serial=read + 1) == "approved"


def test_where_reviews_are_required_only_approved_drafts_pass(core: Core) -> None:
    knowledge = Knowledge(core, review_required=True)
    knowledge.put(a="one")
    serial = knowledge.base.draft_serial
    with pytest.raises(ReviewRequired):
        knowledge.locked(review.require_approved, serial)
    submit(knowledge)
    with pytest.raises(ReviewRequired):
        knowledge.locked(review.require_approved, serial)
    decide(knowledge)
    knowledge.locked(review.require_approved, serial)
    knowledge.put(a="two")
    knowledge.locked(review.require_approved, serial)
    with pytest.raises(ReviewRequired):
        knowledge.locked(review.require_approved, serial + 1)


def test_where_reviews_are_not_required_every_draft_passes(knowledge: Knowledge) -> None:
    knowledge.locked(review.require_approved, 1)
