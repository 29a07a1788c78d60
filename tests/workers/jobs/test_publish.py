"""Events of what is no job: numbered one by one, delivered, told, and deleted when they are old."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from marshmallow import ValidationError

from infra import db, ids, redis
from infra.errors import Unavailable
from models import WebhookEndpoint
from tests.workers.jobs.conftest import Core
from workers import events
from workers.jobs import retention

TYPE = "webhook.test"


def publish(core: Core, project: UUID, subject: UUID) -> Any:
    data = {"webhook_endpoint_id": ids.show("we", subject), "message": "hello"}
    return core.do(events.publish, project_id=project, subject_id=subject, type=TYPE, data=data)


def numbers(core: Core, subject: UUID) -> list[int]:
    return [
        row.sequence for row in core.sql("SELECT sequence FROM job_events WHERE job_id = :id ORDER BY 1", id=subject)
    ]


def age(core: Core, subject: UUID, days: int, at_most: int = 10**6) -> None:
    core.sql(
        """UPDATE job_events SET created_at = created_at - make_interval(days => :days)
           WHERE job_id = :id AND sequence <= :at_most""",
        id=subject,
        days=days,
        at_most=at_most,
    )


def test_many_who_write_at_the_same_time_leave_no_gap_and_no_repeat(core: Core) -> None:
    project, subjects = core.project(), [ids.new_id(), ids.new_id()]
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda n: publish(core, project, subjects[n % 2]), range(60)))
    for subject in subjects:
        assert numbers(core, subject) == list(range(1, 31))
    assert len({(one.job_id, one.sequence) for one in told}) == 60


def test_several_are_written_as_one(core: Core) -> None:
    project, subject = core.project(), ids.new_id()
    publish(core, project, subject)
    said = {"webhook_endpoint_id": ids.show("we", subject)}
    told = [(TYPE, {**said, "message": str(number)}) for number in range(3)]
    written = core.do(events.publish_many, project_id=project, subject_id=subject, told=told)
    assert [(one.sequence, one.data["message"]) for one in written] == [(2, "0"), (3, "1"), (4, "2")]
    assert numbers(core, subject) == [1, 2, 3, 4]
    assert core.do(events.publish_many, project_id=project, subject_id=subject, told=[]) == []


def test_what_a_kind_tells_stands_among_its_jobs_own_events(core: Core) -> None:
    project = core.project()
    core.submit(project)
    (job,) = core.claim(1)
    told = [(TYPE, {"webhook_endpoint_id": ids.show("we", ids.new_id()), "message": "hello"})] * 2
    where = {"project_id": project, "job_id": job.job_id, "told": told}
    assert [one.sequence for one in core.do(events.publish_of_job, attempt=1, **where)] == [3, 4]
    with pytest.raises(Unavailable):
        core.do(events.publish_of_job, attempt=2, **where)
    core.end([job], sequence=3)
    with pytest.raises(Unavailable):
        core.do(events.publish_of_job, attempt=1, **where)
    assert numbers(core, job.job_id) == [1, 2, 3, 4, 5]


def test_an_event_that_is_rolled_back_leaves_its_number_to_the_next(core: Core) -> None:
    project, subject = core.project(), ids.new_id()
    publish(core, project, subject)
    data = {"webhook_endpoint_id": ids.show("we", subject), "message": "never"}
    with pytest.raises(RuntimeError), db.transaction() as session:
        events.publish(session, project_id=project, subject_id=subject, type=TYPE, data=data)
        raise RuntimeError
    assert publish(core, project, subject).sequence == 2
    assert numbers(core, subject) == [1, 2]


def test_who_follows_the_project_is_told_and_who_wants_it_delivered_has_a_delivery(core: Core) -> None:
    project, subject = core.project(), ids.new_id()
    endpoint = {"event_types": ["webhook.*"], "secret": b"", "rate_per_second": 10, "tokens": 0.0, "event_sequence": 0}
    with db.transaction() as session:
        session.add(WebhookEndpoint(id=ids.new_id(), project_id=project, url="https://example.com", **endpoint))
    with redis.client().pubsub() as listening:
        listening.subscribe(redis.project_channel(project))
        assert listening.get_message(timeout=5)["type"] == "subscribe"
        told = publish(core, project, subject)
        assert listening.get_message(timeout=5)["type"] == "message"
    (delivery,) = core.sql(
        "SELECT subject_id, event_sequence, event_id, event_type FROM webhook_deliveries WHERE project_id = :id",
        id=project,
    )
    assert tuple(delivery) == (subject, 1, told.id, TYPE)


def test_what_the_catalogue_does_not_know_is_not_written(core: Core) -> None:
    project, subject = core.project(), ids.new_id()
    with pytest.raises(KeyError):
        core.do(events.publish, project_id=project, subject_id=subject, type="no.such", data={})
    with pytest.raises(ValidationError):
        core.do(events.publish, project_id=project, subject_id=subject, type=TYPE, data={})
    assert numbers(core, subject) == []


def test_old_events_go_and_those_of_jobs_stay_with_their_jobs(core: Core) -> None:
    project, other = core.project(retention_days=2), core.project()
    quiet, busy, foreign = ids.new_id(), ids.new_id(), ids.new_id()
    (waiting,) = core.submit(project)
    for subject, owner in ((quiet, project), (busy, project), (busy, project), (busy, project), (foreign, other)):
        publish(core, owner, subject)
    age(core, waiting, 90)
    age(core, quiet, 3)
    age(core, busy, 3, at_most=2)
    age(core, foreign, 3)
    assert retention.sweep() == 3
    assert [numbers(core, one) for one in (waiting, quiet, busy, foreign)] == [[1], [], [3], [1]]
    assert publish(core, project, busy).sequence == 4
    assert retention.sweep() == 0


def test_a_long_log_goes_piece_by_piece_past_what_stays(core: Core) -> None:
    project, subject = core.project(), ids.new_id()
    jobs = core.submit(project, 3)
    publish(core, project, subject)
    core.sql(
        """INSERT INTO job_events (job_id, sequence, id, project_id, type, data, created_at)
           SELECT job_id, number, gen_random_uuid(), project_id, type, data, created_at
           FROM job_events, generate_series(2, 2500) AS number WHERE job_id = :id""",
        id=subject,
    )
    for one in (*jobs, subject):
        age(core, one, 40)
    publish(core, project, subject)
    assert retention.sweep(seconds=20) == 2500
    assert numbers(core, subject) == [2501]
    assert [numbers(core, job) for job in jobs] == [[1]] * 3
