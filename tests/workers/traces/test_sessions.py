"""Sessions: what their traces add up to, as they come, change and go."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from infra.errors import InvalidParameter, NotFound
from schemas.trace_session import TraceSessionsQuery
from tests.workers.jobs.conftest import Core
from tests.workers.traces.products import NOON, call
from tests.workers.traces.sending import send, span
from workers.traces import forgetting, sessions
from workers.traces.base import Span
from workers.traces.rolling_up import roll_up


def turn(number: int, session: str = "chat 1", **more: Any) -> list[Span]:
    """One trace of a conversation, ten minutes after the one before."""
    root = span("turn", start=NOON + timedelta(minutes=10 * number), ms=2000, session__id=session, **more)
    return [root, call(root)]


def listed(core: Core, project: UUID, **query: str) -> list[str]:
    """The ids of a page of sessions."""
    page = core.do(sessions.list_sessions, project, TraceSessionsQuery().load(query))
    return [one.id for one in page.rows]


def the_session(core: Core, project: UUID, session: str = "chat 1") -> Any:
    """That session."""
    return core.do(sessions.get_session, project, session)


def test_a_session_is_what_its_traces_add_up_to(core: Core, project: UUID) -> None:
    send(core, [*turn(1, user__id="ann"), *turn(0, user__id="bob", status=2), *turn(2)], project=project)
    roll_up()
    found = the_session(core, project)
    assert (found.first_seen_at, found.last_seen_at) == (NOON, NOON + timedelta(minutes=20, seconds=2))
    assert (found.traces, found.observations, found.errors, found.user_id) == (3, 6, 1, "ann")
    assert (found.input_tokens, found.output_tokens, found.cost, found.unpriced) == (300, 30, Decimal("0.00105"), 0)


def test_a_trace_that_turns_out_to_be_of_another_session_leaves_the_first(core: Core, project: UUID) -> None:
    root = span("turn", start=NOON, session__id="right")
    below = call(root, attributes={"session.id": "wrong"})
    send(core, [below], project=project)
    roll_up()
    assert listed(core, project) == ["wrong"]
    send(core, [root], project=project)
    roll_up()
    assert listed(core, project) == ["right"]
    assert the_session(core, project, "right").observations == 2


def test_a_trace_that_is_forgotten_leaves_its_session(core: Core, project: UUID) -> None:
    send(core, [*turn(0), *turn(1, user__id="ann")], project=project)
    roll_up()
    (last,) = core.sql("SELECT id FROM traces ORDER BY started_at DESC LIMIT 1")
    assert core.do(forgetting.forget, project, [last.id, UUID(int=1)]) == [last.id]
    found = the_session(core, project)
    assert (found.traces, found.last_seen_at, found.user_id) == (1, NOON + timedelta(seconds=2), None)
    (first,) = core.sql("SELECT id FROM traces")
    core.do(forgetting.forget, project, [first.id])
    with pytest.raises(NotFound):
        the_session(core, project)


def test_sessions_are_listed_by_when_they_were_last_seen_page_by_page(core: Core, project: UUID) -> None:
    names = ["b", "a", "c/ä?#", "d"]
    for number, name in enumerate(names):
        send(core, turn(number, name, user__id="ann", status=2 if name == "a" else 0), project=project)
    # Seen at the same time as another.
    send(core, turn(3, "e"), project=project)
    roll_up()
    assert listed(core, project) == ["e", "d", "c/ä?#", "a", "b"]
    assert listed(core, project, order="asc", limit="2") == ["b", "a"]
    assert listed(core, project, limit="2", after="e") == ["d", "c/ä?#"]
    assert listed(core, project, order="asc", after="d") == ["e"]
    assert listed(core, project, user_id="ann", has_errors="true") == ["a"]
    since = (NOON + timedelta(minutes=25)).isoformat()
    assert listed(core, project, seen_after=since) == ["e", "d"]
    assert listed(core, project, seen_before=since, has_errors="false") == ["c/ä?#", "b"]
    with pytest.raises(InvalidParameter):
        listed(core, project, after="nobody")


def test_sessions_of_one_name_in_two_projects_are_two(core: Core, project: UUID) -> None:
    other = core.project()
    send(core, turn(0), project=project)
    send(core, [*turn(0), *turn(1)], project=other)
    roll_up()
    assert (the_session(core, project).traces, the_session(core, other).traces) == (1, 2)
