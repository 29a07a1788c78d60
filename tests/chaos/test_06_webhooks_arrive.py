"""Promise 6: a webhook is delivered at least once, or visibly dead-lettered."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from infra.dev.ports import HOST, free_port
from tests.chaos.attack import Attack, Begin
from tests.chaos.load import says
from tests.chaos.plan import dice, size
from tests.chaos.victim import WORKERS, Victim
from tests.client import Client, Json
from tests.fakes.receiver import CLOSE, HANG, Receiver, Reply

JOBS = size(60, 1500)
KILLS = size(2, 25)
PAUSE_SECONDS = size(1, 3)
# A sender's lease on what it was sending when it was killed, and the attempts after that.
SETTLED_WITHIN = size(60, 300)
FAIL = [Reply(500), Reply(503, headers={"Retry-After": "1"}), CLOSE, Reply(429), Reply(302, headers={"Location": "/"})]
EXPECTED = """
SELECT e.id::text FROM job_events e JOIN jobs j ON j.id = e.job_id
WHERE j.metadata->>'chaos' = %s AND e.type IN ('job.succeeded', 'job.failed')
"""
DELIVERIES = """
SELECT d.event_id::text, d.status, jsonb_array_length(d.attempts) FROM webhook_deliveries d
WHERE d.endpoint_id = %s::uuid
"""
PENDING = """
SELECT d.id FROM webhook_deliveries d JOIN webhook_endpoints w ON w.id = d.endpoint_id
WHERE d.status = 'pending' AND w.disabled_at IS NULL
"""


class Endpoint:
    """One receiver of all ends of jobs, and what PostgreSQL says of its deliveries."""

    def __init__(self, user: Client, victim: Victim, url: str) -> None:
        body = {"url": url, "event_types": ["job.succeeded", "job.failed"], "rate_per_second": 1000}
        made = user.http.post("/v1/webhook_endpoints", json=body)
        assert made.status_code == 201, made.text
        self.user, self.victim, self.made = user, victim, made.json()
        self.path = f"/v1/webhook_endpoints/{self.made['id']}"

    def shown(self) -> Json:
        """The endpoint as its owner sees it."""
        found: Json = self.user.http.get(self.path).json()
        return found

    def deliveries(self) -> dict[str, tuple[str, int]]:
        """Status and number of attempts, by event."""
        rows = self.victim.rows(DELIVERIES, self.made["id"].removeprefix("we_"))
        assert len(rows) == len({row[0] for row in rows})
        return {row[0]: (row[1], row[2]) for row in rows}


@contextmanager
def listening(here: Attack, *urls: str) -> Iterator[list[Endpoint]]:
    """An endpoint for each URL, until the end."""
    with Client(here.victim.system.url, here.victim.system.api_key) as user:
        made = [Endpoint(user, here.victim, url) for url in urls]
        try:
            yield made
        finally:
            for one in made:
                user.http.delete(one.path)


def settled(here: Attack) -> None:
    """Waits until no delivery of a working endpoint is under way."""
    here.victim.until(PENDING, seconds=SETTLED_WITHIN, what="deliveries arrive or are given up")


def arrived(receiver: Receiver, path: str) -> Counter[str]:
    """How often each event came to that path, by its id in PostgreSQL."""
    return Counter(one.headers["webhook-id"].removeprefix("evt_") for one in receiver.at(path))


def test_every_end_reaches_every_receiver_while_receivers_fail_and_senders_are_killed(attack: Begin) -> None:
    here = attack(6, "receivers fail, senders killed")
    random = dice("receivers")
    moody = [random.choice([*FAIL[:4], Reply(), Reply(), Reply()]) for _ in range(JOBS * 20)]
    with Receiver() as receiver:
        good = receiver.url("/good")
        slow = receiver.script("/slow", Reply(delay=0.5))
        urls = [good, slow, receiver.script("/moody", *moody), receiver.script("/hangs", HANG, HANG, Reply())]
        with listening(here, *urls) as endpoints:
            here.faults.done["receivers slow, failing or silent"] += 3
            with here.load.going_on(says("sandbox/instant"), at_most=JOBS, threads=4, pause=0.05):
                for _ in range(KILLS):
                    here.faults.pause(PAUSE_SECONDS)
                    worker = random.choice(WORKERS)
                    here.faults.kill(worker)
                    here.faults.start(worker)
            here.verdict()
            settled(here)
            expected = {row[0] for row in here.victim.rows(EXPECTED, here.load.name)}
            repeated = given_up = 0
            for endpoint, path in zip(endpoints, ("/good", "/slow", "/moody", "/hangs"), strict=True):
                deliveries, came = endpoint.deliveries(), arrived(receiver, path)
                assert deliveries.keys() == expected
                failed = {event for event, (status, _) in deliveries.items() if status == "failed"}
                assert {status for status, _ in deliveries.values()} <= {"delivered", "failed"}
                assert not [event for event in expected - failed if not came[event.replace("-", "")]]
                assert not failed or path == "/moody", failed
                given_up += len(failed)
                repeated += sum(count - 1 for count in came.values() if count > 1) * (path == "/good")
    here.tell(f"{len(expected) * len(urls)} deliveries, {repeated} of a steady receiver twice, {given_up} given up")


def test_what_cannot_be_delivered_is_given_up_in_sight_and_sent_again_when_asked(attack: Begin) -> None:
    here = attack(6, "receivers away, gone, moved")
    port = free_port()
    with Receiver() as receiver:
        gone = receiver.script("/gone", Reply(410))
        moved = receiver.script("/moved", Reply(302, headers={"Location": receiver.url("/elsewhere")}))
        urls = [f"http://{HOST}:{port}/hook", moved, gone]
        with listening(here, *urls) as (away, moving, leaving):
            here.faults.done["receivers failing for good"] += 3
            here.load.submit(size(20, 200), says("sandbox/instant"))
            here.verdict()
            settled(here)
            expected = {row[0] for row in here.victim.rows(EXPECTED, here.load.name)}
            for one in (away, moving):
                assert one.deliveries().keys() == expected
                assert {status for status, _ in one.deliveries().values()} == {"failed"}
            assert not receiver.at("/elsewhere")
            assert leaving.shown()["disabled_reason"] == "gone"
            assert leaving.deliveries().keys() <= expected and not arrived(receiver, "/gone").keys() - {
                event.replace("-", "") for event in expected
            }
            moving.user.http.patch(moving.path, json={"url": receiver.url("/found")})
            since = min(job["created_at"] for job in _some_jobs(moving.user, here))
            answer = moving.user.http.post(f"{moving.path}/replay", json={"since": since})
            assert answer.status_code == 202, answer.text
            assert answer.json()["deliveries"] == len(expected)
            settled(here)
            assert {status for status, _ in moving.deliveries().values()} == {"delivered"}
            assert arrived(receiver, "/found").keys() == {event.replace("-", "") for event in expected}
    here.tell(f"{len(expected) * 2} given up in sight, {len(expected)} of them replayed")


def _some_jobs(user: Client, here: Attack) -> list[Json]:
    found: list[Json] = user.http.get("/v1/jobs", params={"metadata.chaos": here.load.name, "order": "asc"}).json()[
        "data"
    ]
    return found
