"""Traces that a person gives to a feature, to a new one, or to none; and that it is remembered."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest

from infra.errors import BadInput, NotFound
from models import FeatureState
from schemas.feature_request import SplitIn
from tests.workers.features import rows
from tests.workers.jobs.conftest import Core
from tests.workers.traces.sending import send, span
from workers.features import errands, manage, splitting

pytestmark = pytest.mark.usefixtures("nothing_to_do")
ME = UUID(int=7)


def split(core: Core, project: UUID, feature: UUID, traces: Sequence[UUID], **body: Any) -> UUID:
    named = {} if "filter" in body else {"trace_ids": [f"trace_{one.hex}" for one in traces]}
    wanted = SplitIn().load({**named, **body})

    def do(session: Any) -> UUID:
        made: UUID = splitting.split(session, manage.lock_own(session, project, feature), wanted, by=ME).id
        return made

    found: UUID = core.do(do)
    return found


def give(core: Core, project: UUID, feature: UUID, traces: Sequence[UUID]) -> None:
    core.do(splitting.assign, project, feature, traces, by=ME)


def take(core: Core, project: UUID, feature: UUID, traces: Sequence[UUID]) -> None:
    core.do(lambda session: splitting.take_away(session, manage.lock_own(session, project, feature), traces, by=ME))


def trace_of(core: Core, trace: UUID) -> Any:
    return core.sql("SELECT feature_id, assigned_by, confidence, rolled_up FROM traces WHERE id = :id", id=trace)[0]


def test_traces_that_are_split_off_are_a_feature_of_their_own(core: Core) -> None:
    project = core.project()
    feature = core.do(rows.feature, project, traces=3, enabled=False, name="Orders")
    traces = [core.do(rows.trace, project, feature) for _ in range(3)]
    made = split(core, project, feature, traces[:2], name="Refunds")
    cut, left = core.do(rows.get, project, made), core.do(rows.get, project, feature)
    assert (cut.name, cut.key, cut.named_by, cut.state, cut.traces, cut.enabled) == (
        "Refunds", "refunds", "person", FeatureState.CONFIRMED, 2, False)  # fmt: skip
    assert left.traces == 1 and cut.first_seen_at is not None and cut.evidence["trace_ids"][0].startswith("trace_")
    assert [trace_of(core, one) for one in traces] == [(made, "person", 1, -1)] * 2 + [(feature, "structure", 0.9, 1)]
    events = core.sql("SELECT data FROM job_events WHERE job_id = ANY(:ids) ORDER BY id", ids=[feature, made])
    assert [one.data["change"] for one in events] == ["split", "created"]
    (lesson,) = core.do(rows.errands, project)
    assert (lesson.action, lesson.feature_id, lesson.trace_ids) == ("teach", made, traces[:2])
    unnamed = core.do(rows.get, project, split(core, project, feature, traces[2:]))
    assert (unnamed.name, unnamed.named_by) == ("Orders (part)", "rule")


def test_only_traces_of_the_feature_can_be_split_off(core: Core) -> None:
    project = core.project()
    feature, other = core.do(rows.feature, project), core.do(rows.feature, project)
    own, foreign = core.do(rows.trace, project, feature), core.do(rows.trace, project, other)
    with pytest.raises(BadInput) as wrong:
        split(core, project, feature, [own, foreign])
    assert wrong.value.errors == [{"pointer": "/trace_ids/1", "detail": "Is not a trace of this feature."}]
    for missing in (uuid4(), core.do(rows.trace, core.project())):
        with pytest.raises(NotFound) as absent:
            split(core, project, feature, [own, missing])
        assert absent.value.errors[0]["pointer"] == "/trace_ids/1"
    assert trace_of(core, own).feature_id == feature


def test_traces_of_a_feature_are_split_off_by_a_filter(core: Core) -> None:
    project = core.project()
    feature, other = core.do(rows.feature, project), core.do(rows.feature, project)
    new, old = (core.do(rows.trace, project, feature, release=release) for release in ("2", "1"))
    foreign = core.do(rows.trace, project, other, release="2")
    made = split(core, project, feature, [], filter={"release": "2"})
    assert [trace_of(core, one).feature_id for one in (new, old, foreign)] == [made, feature, other]
    with pytest.raises(BadInput, match="no trace") as refused:
        split(core, project, feature, [], filter={"release": "3"})
    assert refused.value.errors[0]["pointer"] == "/filter"


def test_traces_are_given_to_a_feature_whosever_they_were_and_taken_away(core: Core) -> None:
    project = core.project()
    feature, other = core.do(rows.feature, project), core.do(rows.feature, project, traces=1)
    traces = [core.do(rows.trace, project, other), core.do(rows.trace, project)]
    give(core, project, feature, traces)
    assert [core.do(rows.get, project, one).traces for one in (feature, other)] == [2, 0]
    assert core.do(rows.get, project, feature).state == FeatureState.CONFIRMED
    give(core, project, feature, traces)
    assert core.do(rows.get, project, feature).traces == 2
    with pytest.raises(BadInput):
        take(core, project, other, traces)
    take(core, project, feature, traces[:1])
    assert trace_of(core, traces[0]) == (None, "person", None, -1)
    assert core.do(rows.get, project, feature).traces == 1


def test_a_feature_learns_what_it_is_given(core: Core) -> None:
    project = core.project()
    feature = core.do(rows.feature, project)
    asked = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.prompt": "Where is my parcel?"}
    root = span("POST /chat")
    send(core, [root, span("chat m", asked, parent=root)], project=project)
    trace = UUID(bytes=root.trace_id)
    give(core, project, feature, [trace])
    core.do(errands.leave_lesson, project, feature, inputs=["I want my money back", "Refund my order please"])
    assert errands.teach() == 2 and not core.do(rows.errands, project)
    found = core.sql("SELECT pinned FROM feature_prototypes WHERE feature_id = :id", id=feature)
    assert len(found) >= 2 and all(row.pinned for row in found)


def test_a_lesson_for_a_feature_that_is_gone_is_forgotten(core: Core) -> None:
    project = core.project()
    core.do(errands.leave_lesson, project, uuid4(), inputs=["Where is it?"])
    assert errands.teach() == 1 and not core.do(rows.errands, project)
    assert not core.sql("SELECT 1 FROM feature_prototypes WHERE project_id = :project", project=project)
