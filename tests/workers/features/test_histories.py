"""Whatever people decide, in whatever order, while traces come, are analysed, added up and deleted: what is counted is
what is there, nothing is noted of what is gone, and a person's word stands."""

from collections import Counter, defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any
from uuid import UUID

import pytest

from infra import db
from infra.errors import SwitchyardError
from tests.workers.features.analyses import ASKED, analyse, features, trace_of
from tests.workers.jobs.conftest import Core
from workers.features import errands, manage, merging, splitting
from workers.traces import removing, rolling_up

pytestmark = pytest.mark.usefixtures("nothing_to_do")
ME = UUID(int=7)
DECISIONS = 30
LEARNT = ("prototypes", "prompts", "drifts", "sites", "watches", "facts")


class History:
    """A project in which much happens; `sent` are the traces that there were, `deleted` those of them that are gone."""

    def __init__(self, core: Core) -> None:
        self.core, self.project = core, core.project()
        self.sent = [trace_of(core, self.project, [*ASKED][at % 3], at) for at in range(30)]
        self.deleted: list[UUID] = []
        analyse(self.project)

    def rows(self, statement: str) -> list[Any]:
        return self.core.sql(statement, p=self.project)

    def decide(self, seed: int) -> None:
        """Decides at random; what is refused is no decision."""
        rng = Random(seed)
        for _ in range(DECISIONS):
            try:
                self._decide(rng)
            except SwitchyardError as error:
                assert error.status in (404, 409, 422), error

    def _decide(self, rng: Random) -> None:
        known = [row.id for row in self.rows("SELECT id FROM features WHERE project_id = :p")]
        one, other, traces = rng.choice(known), rng.choice(known), rng.sample(self.sent, 3)
        own: Callable[..., Any] = rng.choice((manage.dismiss, manage.confirm, manage.switch, manage.change))
        with db.transaction() as session:
            match rng.randrange(7):
                case 0 | 1:
                    merging.merge(session, self.project, one, other, by=ME)
                case 2:
                    splitting.assign(session, self.project, one, traces, by=ME)
                case 3:
                    made = manage.create(session, self.project, {"name": "Made by hand"}, by=ME)
                    splitting.start_with(session, made, {"trace_ids": traces, "inputs": []})
                case 4:
                    feature = manage.lock_own(session, self.project, one)
                    splitting.split(session, feature, {"filter": {"service": "test"}, "description": None}, by=ME)
                case 5 if rng.random() < 0.3:
                    manage.remove(session, self.project, one, by=ME)
                case _:
                    wish: dict[Any, Any] = {
                        manage.switch: {"enabled": False},
                        manage.change: {"body": {"name": "Mine"}},
                    }
                    own(session, manage.lock_own(session, self.project, one), by=ME, **wish.get(own, {}))

    def go_on(self) -> None:
        """What happens beside."""
        for at in range(3):
            self.sent.append(trace_of(self.core, self.project, [*ASKED][at], 50 + at))
            analyse(self.project)
            rolling_up.roll_up()
            errands.move()
            self.deleted += self.sent[5 * at : 5 * at + 2]
            removing.remove_many(self.project, trace_ids=self.deleted, by=None)

    def end(self) -> None:
        """Nothing is left to be done."""
        self.core.sql("UPDATE feature_errands SET due_at = now()")
        errands.move()
        analyse(self.project)
        while self.rows("SELECT 1 FROM traces WHERE project_id = :p AND rolled_up < revision LIMIT 1"):
            rolling_up.roll_up()


@pytest.fixture
def lived(core: Core) -> History:
    """A project of whose features three people decide at once, while the clockwork goes on."""
    history = History(core)
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(history.decide, seed) for seed in range(3)] + [pool.submit(history.go_on)]:
            done.result()
    history.end()
    return history


def test_after_all_that_people_decide_at_once_everything_is_in_its_place(lived: History) -> None:
    found = {row.id: row for row in lived.rows("SELECT * FROM features WHERE project_id = :p")}
    traces = {row.id: row for row in lived.rows("SELECT * FROM traces WHERE project_id = :p")}
    assert traces.keys() == {*lived.sent} - {*lived.deleted}
    count = Counter(row.feature_id for row in traces.values())
    assert {one.id: one.traces for one in found.values()} == {one: count[one] for one in found}
    leads = {one.merged_into for one in found.values() if one.merged_into}
    assert all(found[one].merged_into is None for one in leads)
    for table in LEARNT:
        of = lived.rows(f"SELECT DISTINCT feature_id FROM feature_{table} WHERE project_id = :p")
        assert all(found[row.feature_id].merged_into is None for row in of), table
    facts = lived.rows("SELECT trace_id, feature_id FROM feature_facts WHERE project_id = :p")
    assert {row.trace_id: row.feature_id for row in facts} == {
        one: row.feature_id for one, row in traces.items() if row.feature_id
    }
    sums = """SELECT s.feature_id, sum(m.count) AS count FROM trace_metrics m
        JOIN trace_series s ON s.project_id = m.project_id AND s.id = m.series
        WHERE m.project_id = :p AND s.of = 'traces' AND m.hours = 1 GROUP BY 1 HAVING sum(m.count) > 0"""
    assert {row.feature_id: row.count for row in lived.rows(sums)} == count
    _each_was_told(lived, found)


def _each_was_told(lived: History, found: dict[UUID, Any]) -> None:
    """Events are without a gap, from the first to the last."""
    told = defaultdict(list)
    for row in lived.rows("SELECT * FROM job_events WHERE project_id = :p AND type LIKE 'feature.%' ORDER BY sequence"):
        told[row.job_id].append(row)
    assert told.keys() >= found.keys()
    for feature, events in told.items():
        assert [one.sequence for one in events] == [*range(1, len(events) + 1)]
        assert events[0].type == "feature.detected" or events[0].data["change"] == "created"
        last = [one.data["change"] for one in events if one.type == "feature.changed"][-1:]
        assert feature in found or last in (["removed"], ["merged"])


def test_a_persons_word_stands_whatever_is_analysed(core: Core) -> None:
    lived = History(core)
    order, refund, guide = (features(core, lived.project)[name].id for name in
                            ("Get order status", "Start refund", "Search plant guide"))  # fmt: skip
    with db.transaction() as session:
        manage.change(session, manage.lock_own(session, lived.project, order), {"name": "Where is it?"}, by=ME)
        manage.dismiss(session, manage.lock_own(session, lived.project, guide), by=ME)
        own = manage.lock_own(session, lived.project, refund)
        cut = splitting.split(session, own, {"trace_ids": lived.sent[1:10:3], "description": None}, by=ME).id
        splitting.assign(session, lived.project, order, lived.sent[4:5], by=ME)
    before = lived.rows("SELECT id, feature_id FROM traces WHERE project_id = :p ORDER BY id")
    told = len(lived.rows("SELECT 1 FROM job_events WHERE project_id = :p AND type = 'feature.detected'"))
    for _ in range(2):
        analyse(lived.project, {"trace_ids": lived.sent, "again": True})
    assert lived.rows("SELECT id, feature_id FROM traces WHERE project_id = :p ORDER BY id") == before
    assert features(core, lived.project)["Where is it?"].id == order
    now = {row.id: row for row in lived.rows("SELECT * FROM features WHERE project_id = :p")}
    assert now.keys() == {order, refund, guide, cut} and now[guide].state == "dismissed"
    assert [now[one].traces for one in (order, refund, guide, cut)] == [11, 7, 10, 2]
    again = lived.rows("SELECT 1 FROM job_events WHERE project_id = :p AND type = 'feature.detected'")
    assert (told, len(again)) == (3, 3)
