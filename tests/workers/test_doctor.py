"""`switchyard doctor`: what it says of a system that is well, of one that is not, and of one that is gone."""

import json
import subprocess
import sys
import time
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from infra import schema
from infra.clock import now
from infra.dev.system import System
from schemas.stats import Reason
from tests.client import Client
from tests.shell import switchyard
from workers import doctor, readiness
from workers.doctor import DatabaseFacts, Finding, RedisFacts, Report
from workers.jobs.census import Share
from workers.jobs.presence import Crew
from workers.jobs.vitals import AtLimit, Depth, Failing

Json = dict[str, Any]
CREW = Crew(frozenset({"a-worker"}), 0.4)
SOMEBODY = UUID(int=7)


def redis_facts(**changed: Any) -> RedisFacts:
    facts = {"milliseconds": 0.3, "crews": {"q": CREW}, "swept_seconds": 1.0, "closed": {}, "broken": {}}
    return RedisFacts(**{**facts, **changed})


def database_facts(**changed: Any) -> DatabaseFacts:
    facts = {"milliseconds": 0.5, "version": "18.0", "revision": schema.newest(), "complete": True}
    return DatabaseFacts(**{**facts, **changed})


def test_a_running_system_is_examined_in_json_and_in_words(system: System, client: Client) -> None:
    client.run()
    found = json.loads(switchyard(system.environment, "doctor", "--json").stdout)["findings"]
    checks = {one["check"]: one for one in found}
    assert all(checks[name]["ok"] for name in ("database", "migrations", "redis", "broker", "beat", "leases", "bound"))
    assert "Workers alive: 1," in checks["queue completions"]["says"]
    assert all(one["ok"] or one["advice"] for one in found)
    command = [sys.executable, "-m", "api", "doctor"]
    words = subprocess.run(command, env=system.environment, capture_output=True, text=True, check=False)
    assert words.returncode in (0, 1) and "ok    database" in words.stdout and not words.stderr


@pytest.mark.parametrize(
    "broken", [{"DATABASE_URL": "postgresql://127.0.0.1:1/none"}, {"REDIS_URL": "redis://127.0.0.1:1"}]
)
def test_whatever_is_gone_is_named_and_the_exit_code_says_how_bad(system: System, broken: Json) -> None:
    done = switchyard({**system.environment, **broken}, "doctor", "--json")
    found = json.loads(done.stdout)
    name, code = ("database", 2) if "DATABASE_URL" in broken else ("redis", 1)
    assert done.returncode == found["exit_code"] == code
    wrong = {one["check"]: one["advice"] for one in found["findings"] if not one["ok"]}
    assert "Start it" in wrong[name]


def test_what_answers_nothing_is_given_up_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*_: Any) -> Any:
        time.sleep(60)

    monkeypatch.setattr(doctor, "_ask_redis", hang)
    monkeypatch.setattr(doctor, "_ask_database", hang)
    monkeypatch.setattr(readiness, "broker_check", hang)
    begun = time.monotonic()
    report = doctor.examine()
    assert time.monotonic() - begun < 5 and report.exit_code == 2
    wrong = [one.check for one in report.findings if not one.ok]
    assert wrong == ["database", "redis", "broker"]


def test_the_exit_code_is_0_where_nothing_is_to_be_done() -> None:
    well, wrong = Finding("a", "Well."), Finding("b", "Wrong.", "Mend it.")
    assert Report([well], True).exit_code == 0
    assert Report([well, wrong], True).exit_code == 1
    assert Report([well, wrong], False).exit_code == 2


def test_a_queue_without_a_worker_and_one_that_is_late_ask_for_workers() -> None:
    facts = database_facts(depths={"q": Depth(12, False, 300.0)}, shares={"q": [Share(Reason.WORKERS_BUSY, 12, False)]})
    gone = doctor._queue("q", {"q": Crew(frozenset(), 30.0)}, facts)
    assert gone.says == "No worker listens (the last 30 s ago); 12 jobs wait (workers_busy 12)." and not gone.ok
    late = doctor._queue("q", {"q": CREW}, facts)
    assert "the oldest that could run for 300 s" in late.says and "more workers" in late.advice
    assert doctor._queue("q", {"q": CREW}, database_facts(depths={"q": Depth(12, False, 3.0)})).ok


def test_sweeps_that_stopped_lanes_that_are_closed_and_breakers_that_are_open_are_findings() -> None:
    assert doctor._sweeps(2.0).ok and not doctor._sweeps(30.0).ok and not doctor._sweeps(None).ok
    until = now() + timedelta(seconds=20)
    found = doctor._lanes(redis_facts(closed={"openai/a": until}, broken={"xai/b": until}))
    assert [one.check for one in found] == ["rate limit", "circuit breaker"] and not any(one.ok for one in found)
    assert "openai/a" in found[0].says and "xai/b" in found[1].says


def test_projects_at_their_limits_come_with_the_command_that_raises_them() -> None:
    facts = database_facts(limits=[AtLimit(SOMEBODY, "shop", 4, 4, 10, 10)])
    advice = [one.advice for one in doctor._limits(facts)]
    assert [one.partition("--")[2] for one in advice] == ["max-running 8", "max-queued 20"]


def test_lost_leases_dead_letters_failing_schedules_and_a_full_queue_are_findings() -> None:
    facts = database_facts(
        expired=(3, 40.0),
        dead_letters={"provider_timeout": 5},
        schedules=[Failing(SOMEBODY, "nightly", None, "It is full."), Failing(SOMEBODY, "late", now(), None)],
    )
    found = [*doctor._leases(facts), *doctor._dead_letters(facts), *doctor._schedules(facts), doctor._bound(10**9)]
    assert len(found) == 5 and not any(one.ok for one in found)
    assert "timeout (provider_timeout)" in found[1].says and "It is full." in found[2].says
    assert doctor._leases(database_facts())[0].ok and doctor._bound(0).ok


def test_tables_of_another_version_ask_for_the_migration() -> None:
    found = doctor._database(database_facts(revision="0001", complete=False), "")
    assert [one.ok for one in found] == [True, False] and "migrate" in found[1].advice
