"""What was learnt of a feature that is merged goes over to the other; what goes with traces goes."""

from datetime import timedelta

from tests.workers.features import rows
from tests.workers.features.drift.noticing import BEGIN, SYSTEM, Watched, call
from tests.workers.jobs.conftest import Core
from workers.features.drift import forgetting, moving

EDITED = SYSTEM.replace("Never promise refunds.", "Offer a refund whenever someone is unhappy, and mention our sale.")


def test_prompts_call_sites_and_drifts_go_over_and_learning_goes_on(core: Core) -> None:
    feature = Watched(core)
    other = core.do(rows.feature, feature.project, "Other")
    feature.note(feature.some(30, call(site="GET /a > chat")) + feature.some(5))
    feature.note(feature.some(10), other)
    core.do(moving.move, feature.id, other)
    core.sql("UPDATE feature_facts SET feature_id = :to WHERE feature_id = :id", to=other, id=feature.id)
    found = core.sql("SELECT call_site, seen FROM feature_prompts WHERE feature_id = :id ORDER BY 1", id=other)
    assert [one.seen for one in found] == [30, 15]
    feature.note(feature.some(10, call(EDITED, site="GET /a > chat")), other)
    (drift,) = feature.drifts()
    assert (drift.feature_id, drift.call_site) == (other, "GET /a > chat")
    core.do(moving.move, other, feature.id)
    assert feature.drifts()[0].feature_id == feature.id


def test_facts_go_with_their_traces_and_with_their_time(core: Core) -> None:
    feature = Watched(core)
    made = feature.some(20)
    feature.note(made)
    core.do(forgetting.forget_traces, feature.project, [one.trace_id for one in made[:5]])
    count = "SELECT count(*) AS n FROM feature_facts WHERE project_id = :id"
    assert core.sql(count, id=feature.project)[0].n == 15
    assert core.do(forgetting.forget_facts, BEGIN + timedelta(minutes=95)) >= 4
    assert core.sql(count, id=feature.project)[0].n == 11
    assert feature.prompts()[0].seen == 20
