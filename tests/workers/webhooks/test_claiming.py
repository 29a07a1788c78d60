"""Which deliveries leave: rates, turns, leases; and that one receiver's trouble is nobody else's."""

from collections.abc import Mapping
from time import monotonic
from types import MappingProxyType
from uuid import UUID, uuid4

from infra import db
from infra.clock import now
from tests.fakes.receiver import HANG, Receiver, Reply
from tests.workers.webhooks.conftest import Desk, Webhooks, sending, soon
from workers.webhooks import claiming
from workers.webhooks.claiming import NOWHERE, PER_PROJECT, Claim, Lane, Wanted
from workers.webhooks.lanes import (
    AT_LEAST,
    KNOWN_AT_MOST,
    LOOKS_AT_MOST,
    PER_ENDPOINT,
    PER_LANE,
    WAITING_AT_MOST,
    Lanes,
)


def claim(
    *endpoint_ids: UUID, room: int = 32, limit: int = 200, flying: Mapping[UUID, int] = MappingProxyType({})
) -> Claim:
    with db.transaction() as session:
        wanted = [Wanted((one, ""), room, room) for one in endpoint_ids]
        return claiming.claim(session, wanted, limit=limit, lease_seconds=60, flying=flying)


def lanes_after(lane: Lane, steps: int) -> tuple[list[Lane], Lane]:
    with db.transaction() as session:
        return claiming.lanes_after(session, lane, steps=steps, due_before=now())


def test_an_endpoint_gets_no_more_a_second_than_its_rate(webhooks: Webhooks, receiver: Receiver) -> None:
    endpoint = webhooks.endpoint("/rated", rate_per_second=5, event_types=["job.scheduled"])
    for _ in range(20):
        webhooks.client.submit(run_at="2999-01-01T00:00:00Z")
    soon(lambda: len(receiver.at("/rated")) == 20)
    times = [one.at for one in receiver.at("/rated")]
    begun = times[0]
    # The first second's worth may come at once; a moment for the way from the claim to the receiver.
    assert all(number <= 5 + 5 * (at - begun + 0.3) for number, at in enumerate(times, start=1))
    assert times[-1] - begun < 6
    soon(lambda: all(one["status"] == "delivered" for one in webhooks.deliveries(endpoint)))


def test_tokens_are_paid_for_all_senders_together(desk: Desk) -> None:
    endpoint = desk.endpoint("http://127.0.0.1:9/", rate=10)
    desk.deliveries(endpoint, 30)
    assert len(claim(endpoint).claimed) == 10
    assert claim(endpoint).claimed == []
    desk.sql("UPDATE webhook_endpoints SET refilled_at = now() - interval '0.5 seconds'")
    assert len(claim(endpoint).claimed) in (5, 6)
    desk.sql("UPDATE webhook_endpoints SET refilled_at = now() - interval '1 day'")
    assert len(claim(endpoint).claimed) == 10


def test_the_oldest_goes_first_and_endpoints_take_turns(desk: Desk) -> None:
    one, other = desk.endpoint("http://127.0.0.1:9/"), desk.endpoint("http://127.0.0.1:9/")
    for ago in (30, 10, 20):
        desk.deliveries(one, ago=ago)
    desk.deliveries(other, 3, ago=5)
    taken = [found.receiver.id for found in claim(one, other, limit=4).claimed]
    assert sorted(taken) == sorted([one, one, other, other])
    ((left,),) = desk.sql(
        "SELECT round(extract(epoch FROM now() - next_attempt_at)) FROM webhook_deliveries WHERE endpoint_id = :id"
        " AND attempt = 0",
        id=one,
    )
    assert left == 10


def test_the_next_place_goes_to_the_project_that_has_the_fewest(desk: Desk) -> None:
    greedy = desk.project
    endpoints = [desk.endpoint("http://127.0.0.1:9/") for _ in range(10)]
    for one in endpoints:
        desk.deliveries(one, 30, ago=3600)
    desk.project = desk.new_project()
    modest = desk.endpoint("http://127.0.0.1:9/")
    desk.deliveries(modest, 3)
    first, *_ = claim(*endpoints, modest, limit=1, flying={greedy: 5}).claimed
    assert first.receiver.id == modest
    taken = claim(*endpoints, modest, limit=200, flying={greedy: PER_PROJECT - 7, desk.project: 1}).claimed
    assert sorted(one.receiver.project_id == greedy for one in taken) == [False] * 2 + [True] * 7
    assert claim(*endpoints, modest, flying={greedy: PER_PROJECT}).claimed == []


def test_a_clock_that_was_ahead_stops_nothing(desk: Desk) -> None:
    endpoint = desk.endpoint("http://127.0.0.1:9/", rate=10)
    desk.sql("UPDATE webhook_endpoints SET refilled_at = now() + interval '1 day'")
    desk.deliveries(endpoint, 20)
    assert len(claim(endpoint).claimed) == 10
    assert desk.sql("SELECT tokens FROM webhook_endpoints WHERE refilled_at <= now()") == [(0.0,)]


def test_another_event_in_the_place_of_a_deliverys_is_not_sent_for_it(desk: Desk) -> None:
    endpoint = desk.endpoint("http://127.0.0.1:9/")
    desk.deliveries(endpoint)
    desk.sql("UPDATE job_events SET id = gen_random_uuid()")
    assert [one.data for one in claim(endpoint).claimed] == [None]


def test_however_many_hosts_there_are_a_round_is_about_those_that_have_room(desk: Desk) -> None:
    callbacks = desk.endpoint(None)
    for number in range(PER_ENDPOINT):
        desk.deliveries(callbacks, url=f"http://h{number}.example/")
    lanes = Lanes()
    lanes.look((callbacks, f"h{number}.example") for number in range(2 * KNOWN_AT_MOST))
    wanted = lanes.wanted(1.0)
    assert len(wanted) == PER_ENDPOINT < LOOKS_AT_MOST
    with db.transaction() as session:
        found = claiming.claim(session, wanted, limit=200, lease_seconds=60, flying={})
    lanes.took_off(wanted, found, limit=200, moment=1.0)
    assert lanes.flying == PER_ENDPOINT and not lanes.wanted(1.0) and lanes.next_look() is None
    # Each that comes down lets one more be looked into.
    for number, one in enumerate(found.claimed, start=1):
        lanes.landed(one, answered=True)
        assert len(lanes.wanted(1.0)) == 1, number
    assert PER_ENDPOINT < WAITING_AT_MOST


def test_looks_take_turns_and_the_earlier_time_counts() -> None:
    lanes, endpoint = Lanes(), uuid4()
    soon_due, later, due = ((endpoint, host) for host in "abc")
    lanes.look([later], 9.0)
    lanes.look([soon_due], 7.0)
    lanes.look([soon_due], 5.0)
    lanes.look([soon_due], 6.0)
    assert lanes.next_look() == 5.0 and not lanes.has_looks(4.9)
    lanes.look([due])
    assert [one.lane for one in lanes.wanted(5.0)] == [due, soon_due]
    assert lanes.next_look() == 9.0


def test_what_is_claimed_is_not_claimed_again_before_its_lease_ends(desk: Desk) -> None:
    endpoint = desk.endpoint("http://127.0.0.1:9/")
    desk.deliveries(endpoint, 3)
    assert [one.attempt for one in claim(endpoint).claimed] == [1, 1, 1]
    assert claim(endpoint).claimed == []
    desk.sql("UPDATE webhook_deliveries SET next_attempt_at = now()")
    assert [one.attempt for one in claim(endpoint).claimed] == [2, 2, 2]


def test_an_endpoint_that_another_sender_is_at_is_passed_over(desk: Desk) -> None:
    endpoint = desk.endpoint("http://127.0.0.1:9/")
    desk.deliveries(endpoint)
    with db.transaction() as session:
        assert (
            len(claiming.claim(session, [Wanted((endpoint, ""), 1, 1)], limit=1, lease_seconds=1, flying={}).claimed)
            == 1
        )
        assert claim(endpoint) == Claim([], {})


def test_the_net_goes_along_all_lanes_step_by_step(desk: Desk) -> None:
    off = desk.endpoint("http://127.0.0.1:9/", disabled_at=now())
    lanes = []
    for _ in range(5):
        endpoint = desk.endpoint("http://127.0.0.1:9/")
        desk.deliveries(endpoint, 3)
        lanes.append((endpoint, ""))
    desk.deliveries(off)
    callbacks = desk.endpoint(None)
    for host in ("a.example", "B.example:8080", "[::1]:1"):
        desk.deliveries(callbacks, url=f"https://{host}/x?y=z#w")
        lanes.append((callbacks, host.lower()))
    found, place = lanes_after(NOWHERE, 4)
    while place != NOWHERE:
        more, place = lanes_after(place, 4)
        found += more
    assert sorted(found) == sorted(lanes)
    claim(lanes[0][0])
    assert len(lanes_after(NOWHERE, 100)[0]) == 7


def test_a_receiver_that_hangs_delays_no_other(desk: Desk, receiver: Receiver) -> None:
    dead = desk.endpoint(receiver.script("/dead", HANG))
    others = [desk.endpoint(receiver.url(f"/alive{number}")) for number in range(10)]
    desk.deliveries(dead, 200, ago=60)
    for one in others:
        desk.deliveries(one, 40)
    with sending(0.1):
        begun = monotonic()
        soon(lambda: all(desk.counts(one) == {"delivered": 40} for one in others))
        took = monotonic() - begun
    assert took < 5 and 1 <= len(receiver.at("/dead")) <= PER_LANE


def test_one_host_of_the_callbacks_delays_no_other(desk: Desk, receiver: Receiver) -> None:
    receiver.script("/hangs", HANG)
    callbacks = desk.endpoint(None)
    desk.deliveries(callbacks, 100, url=receiver.url("/hangs", host="localhost"), ago=60)
    desk.deliveries(callbacks, 50, url=receiver.url("/answers"))
    with sending(0.1):
        soon(lambda: desk.counts(callbacks).get("delivered") == 50, seconds=5)
    assert len(receiver.at("/answers")) == 50 and len(receiver.at("/hangs")) < 10


def test_a_lane_grows_with_answers_and_shrinks_without(desk: Desk) -> None:
    endpoint = desk.endpoint("http://127.0.0.1:9/")
    desk.deliveries(endpoint, 200)
    lanes, lane = Lanes(), (endpoint, "")
    for answered, reached in ((True, PER_LANE), (False, AT_LEAST)):
        for _ in range(40):
            lanes.look([lane])
            wanted = lanes.wanted(1.0)
            desk.sql("UPDATE webhook_endpoints SET refilled_at = NULL")
            desk.sql("UPDATE webhook_deliveries SET next_attempt_at = now()")
            found = claim(endpoint, room=wanted[0].room)
            lanes.took_off(wanted, found, limit=200, moment=1.0)
            for one in found.claimed:
                lanes.landed(one, answered=answered)
        lanes.look([lane])
        assert lanes.flying == 0 and lanes.wanted(1.0)[0].room == reached


def test_a_receiver_that_is_there_again_gets_everything_that_waited(desk: Desk, receiver: Receiver) -> None:
    endpoint = desk.endpoint(receiver.script("/back", *[Reply(503)] * 30, Reply(204)))
    desk.deliveries(endpoint, 30)
    with sending():
        soon(lambda: not desk.sql("SELECT FROM webhook_deliveries WHERE attempts = '[]'"))
        desk.sql("UPDATE webhook_deliveries SET next_attempt_at = now() WHERE status = 'pending'")
        soon(lambda: desk.counts(endpoint) == {"delivered": 30})
    assert len(receiver.at("/back")) == 60
