"""Events that have to wait: for the end of a pause, or for room in the queue; and how long messages are kept."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg2
from celery import Celery

from infra.dev.system import System
from tests.client import Client
from tests.conftest import another_project
from tests.workers.hooks.conftest import MakeSender, Sender, problem, raw, sql


def swept(system: System, done: Callable[[], bool]) -> bool:
    """Whether that is so after beat's task has run a few times."""
    deadline = time.monotonic() + 20
    with Celery(broker=system.broker_url) as celery:
        while not done():
            if time.monotonic() > deadline:
                return False
            celery.send_task("sweeps.inbox", queue="default")
            time.sleep(0.2)
    return True


def test_in_a_pause_events_are_stored_and_become_jobs_when_it_ends(
    sender: MakeSender, tenant: Client, system: System
) -> None:
    one = sender("github")
    one.do("pause")
    answers = [one.send(event_id=str(number)) for number in range(3)]
    assert {answer.status_code for answer in answers} == {202}
    assert one.send(event_id="0").json() == answers[0].json()
    assert {(one["status"], one["retry_at"], one["job_id"]) for one in one.messages()} == {("received", None, None)}
    waiting = answers[0].json()["id"]
    assert problem(tenant.http.post(f"/v1/inbox_messages/{waiting}/retry")) == (409, "conflict")
    one.do("resume")
    assert swept(system, lambda: {one["status"] for one in one.messages()} == {"submitted"})
    assert len(one.jobs()) == 3
    told = one.send(event_id="0")
    assert told.status_code == 200 and told.json()["job_id"] is not None


def test_an_event_that_comes_while_a_pause_begins_or_ends_is_not_forgotten(sender: MakeSender, system: System) -> None:
    one = sender("github")
    with ThreadPoolExecutor(6) as pool:
        answers = pool.map(lambda number: one.send(event_id=str(number)), range(60))
        for _ in range(8):
            one.do("pause")
            one.do("resume")
        assert {answer.status_code for answer in answers} == {202}
    assert swept(system, lambda: {message["status"] for message in one.messages(100)} == {"submitted"})
    assert len(one.messages(100)) == len(one.jobs()) == 60


def test_a_paused_hook_takes_only_so_many(sender: MakeSender, system: System) -> None:
    one = sender("github")
    one.do("pause")
    many = """
        INSERT INTO inbox_messages (id, created_at, waiting_since, project_id, hook_id, external_id, status)
        SELECT gen_random_uuid(), now(), now(), %s, %s, n::text, 'received' FROM generate_series(1, 10000) n
    """
    sql(system, many, raw(one.hook["project_id"]), raw(one.hook["id"]))
    answer = one.send(event_id="one too many")
    assert problem(answer) == (429, "queue_full") and int(answer.headers["Retry-After"]) > 0
    one.client.http.delete(one.address)
    newest = one.client.http.get(f"/v1/inbox_messages/{_newest(system, one)}").json()
    assert newest["status"] == "failed" and newest["error"]["code"] == "not_found"
    assert problem(one.client.http.post(f"/v1/inbox_messages/{newest['id']}/retry")) == (409, "conflict")
    assert problem(one.send()) == (404, "not_found")


def _newest(system: System, one: Sender) -> str:
    with psycopg2.connect(system.database_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT id FROM inbox_messages WHERE hook_id = %s LIMIT 1", [raw(one.hook["id"])])
        (found,) = cursor.fetchone() or ("",)
    return f"inmsg_{found.replace('-', '')}"


def test_with_a_full_queue_events_wait_and_become_jobs_when_there_is_room(sender: MakeSender, system: System) -> None:
    with Client(system.url, another_project(system)) as full:
        one = sender("github", client=full)
        sql(system, "UPDATE projects SET max_queued = 1 WHERE id = %s", raw(one.hook["project_id"]))
        job = full.submit(run_at="2999-01-01T00:00:00Z")
        answers = [one.send(event_id=str(number)) for number in range(2)]
        assert {(answer.status_code, answer.json()["status"]) for answer in answers} == {(202, "received")}
        first = one.message(answers[0])
        assert first["error"]["code"] == "queue_full" and first["retry_at"] > first["created_at"]
        soon = "UPDATE inbox_messages SET retry_at = now() WHERE hook_id = %s AND status = 'received'"
        sql(system, soon, raw(one.hook["id"]))
        assert swept(system, lambda: one.message(answers[0])["retry_at"] > first["retry_at"])
        old = "UPDATE inbox_messages SET waiting_since = now() - interval '25 hours', retry_at = now() WHERE id = %s"
        sql(system, old, raw(answers[1].json()["id"]))
        assert swept(system, lambda: one.message(answers[1])["status"] == "failed")
        assert one.message(answers[1])["error"]["code"] == "queue_full"
        full.http.post(f"/v1/jobs/{job['id']}/cancel")
        sql(system, soon, raw(one.hook["id"]))
        assert swept(system, lambda: one.message(answers[0])["status"] == "submitted")
        assert full.wait(one.message(answers[0])["job_id"])["status"] == "succeeded"
        again = full.http.post(f"/v1/inbox_messages/{answers[1].json()['id']}/retry").json()
        assert again["status"] == "submitted" and len(one.jobs()) == 2


def test_messages_are_kept_as_long_as_the_project_keeps_its_jobs(sender: MakeSender, system: System) -> None:
    one = sender("github")
    old, young, waiting = (one.send(event_id=name) for name in ("old", "young", "waiting"))
    age = "UPDATE inbox_messages SET created_at = now() - interval '31 days' WHERE id = %s"
    sql(system, age, raw(old.json()["id"]))
    sql(system, age, raw(waiting.json()["id"]))
    sql(system, "UPDATE inbox_messages SET status = 'received' WHERE id = %s", raw(waiting.json()["id"]))
    deadline = time.monotonic() + 20
    with Celery(broker=system.broker_url) as celery:
        while len(one.messages()) == 3 and time.monotonic() < deadline:
            celery.send_task("sweeps.retention", queue="default")
            time.sleep(0.2)
    assert {message["id"] for message in one.messages()} == {young.json()["id"], waiting.json()["id"]}
