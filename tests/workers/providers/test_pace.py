"""The pace of calls: one bucket for all processes, in a real Redis and PostgreSQL."""

import asyncio
import json
import time
from contextlib import contextmanager
from datetime import timedelta
from uuid import uuid4

import pytest
from redis import Redis
from sqlalchemy import text

from infra import db, ids
from infra import redis as our_redis
from infra.clock import now
from infra.errors import ProviderBusy
from workers.providers import pace


class Counting(Redis):
    """Redis, and how often its script was run."""

    asked = 0

    def eval(self, *given):
        self.asked += 1
        return super().eval(*given)


@pytest.fixture
def redis(system, monkeypatch):
    """The system's Redis and PostgreSQL are this process's, and calls of the first are counted."""
    engine = db.make_engine(system.database_url.replace("postgresql://", "postgresql+psycopg2://"), pool_size=4)
    client = Counting.from_url(system.redis_url)
    monkeypatch.setattr(our_redis, "client", lambda: client)
    monkeypatch.setattr(db, "engine", lambda: engine)
    yield client
    pace.forget_everything()
    engine.dispose()
    client.close()


@pytest.fixture
def model():
    """A model that nobody called yet."""
    return f"model-{uuid4().hex}"


@contextmanager
def another_process():
    """What follows happens in a process that knows nothing yet."""
    here, pace._known = pace._known, pace._Known()
    try:
        yield
    finally:
        pace._known = here


def says(remaining, limit=100, reset="60s"):
    return {
        "x-ratelimit-limit-requests": str(limit),
        "x-ratelimit-remaining-requests": str(remaining),
        "x-ratelimit-reset-requests": reset,
    }


async def told(model):
    """Waits until Redis has what was learned."""
    lane = pace._lane("openai", model)
    async with asyncio.timeout(10):
        while lane.telling or lane.untold:  # noqa: ASYNC110 - a thread has no event to wait for
            await asyncio.sleep(0.005)


def learned(redis, model, bucket="requests"):
    return json.loads(redis.get(f"sy:pace:openai/{model}"))["buckets"][bucket]


def test_a_model_without_a_limit_costs_one_look_a_second(redis, run, model):
    async def calls():
        for _ in range(500):
            await pace.take("openai", model, 1000)

    started = time.monotonic()
    run(calls())
    assert redis.asked <= 1 + (time.monotonic() - started)
    assert not redis.exists(f"sy:pace:openai/{model}")


def test_calls_are_free_while_plenty_is_left_and_ask_when_it_is_not(redis, run, model):
    async def calls():
        await pace.take("openai", model)
        pace.learn("openai", model, says(99))
        await told(model)
        before = redis.asked
        for _ in range(60):
            await pace.take("openai", model)
        free = redis.asked - before
        for _ in range(30):
            await pace.take("openai", model)
        return free, redis.asked - before

    free, all_of_them = run(calls())
    assert free <= 3
    assert all_of_them >= 8


def test_two_processes_share_one_bucket(redis, run, model):
    async def spend():
        taken = 0
        for _ in range(20):
            try:
                await asyncio.wait_for(pace.take("openai", model), 0.5)
            except (ProviderBusy, TimeoutError):
                return taken
            taken += 1
        return taken

    async def both():
        pace.learn("openai", model, says(255, limit=5000, reset="6000000s"))
        await told(model)
        here = await spend()
        with another_process():
            return here, await spend()

    assert run(both()) == (5, 0)


def test_what_one_process_learns_the_others_know(redis, run, model):
    async def busy():
        pace.learn("openai", model, says(0))
        await told(model)
        with another_process():
            await asyncio.gather(*(pace.take("openai", model) for _ in range(8)))

    started = time.monotonic()
    with pytest.raises(ProviderBusy) as raised:
        run(busy())
    assert time.monotonic() - started < 10
    assert raised.value.code == "provider_rate_limited"
    assert raised.value.retry_after
    assert raised.value.context["until"].endswith("Z")


def test_a_turn_within_two_seconds_is_waited_for_and_a_later_one_is_refused_at_once(redis, run, model):
    async def calls():
        pace.learn("openai", model, says(3, limit=60, reset="57s"))
        started = time.monotonic()
        await pace.take("openai", model)
        waited = time.monotonic() - started
        pace.learn("openai", model, says(0, limit=6, reset="60s"))
        started = time.monotonic()
        with pytest.raises(ProviderBusy) as raised:
            await pace.take("openai", model)
        return waited, time.monotonic() - started, raised.value.retry_after

    waited, refused, until = run(calls())
    assert 0.7 < waited < 2.5
    assert refused < 1
    assert 5 < until < 20


def test_tokens_have_a_bucket_of_their_own_and_a_call_larger_than_it_goes_when_it_is_full(redis, run, model):
    headers = {
        "x-ratelimit-limit-tokens": "1000",
        "x-ratelimit-remaining-tokens": "1000",
        "x-ratelimit-reset-tokens": "0s",
    }

    async def calls():
        pace.learn("openai", model, headers)
        await told(model)
        await pace.take("openai", model, 5000)
        with pytest.raises(ProviderBusy) as raised:
            await pace.take("openai", model, 5000)
        return raised.value.retry_after

    assert 50 < run(calls()) < 61


def test_retry_after_closes_the_lane_for_everybody_and_everybody_can_see_it(redis, run, model):
    async def calls():
        await pace.take("openai", model)
        pace.refused("openai", model, {"retry-after": "30"})
        assert f"openai/{model}" in pace.closed()
        await told(model)
        with another_process(), pytest.raises(ProviderBusy):
            await pace.take("openai", model)
        with another_process():
            return pace.closed()

    until = run(calls())[f"openai/{model}"]
    assert 20 < (until - now()).total_seconds() < 31


def test_a_429_without_any_limit_lowers_the_pace_once_a_burst_and_is_forgotten(redis, run, model):
    async def burst():
        for _ in range(200):
            await pace.take("openai", model)
        for _ in range(50):
            pace.refused("openai", model, {})
        async with asyncio.timeout(10):
            while not redis.exists(f"sy:pace:openai/{model}"):  # noqa: ASYNC110
                await asyncio.sleep(0.005)

    run(burst())
    guess = learned(redis, model)
    assert guess["rate"] * 60 == pytest.approx(0.8 * 199, rel=0.3)

    key = f"sy:pace:openai/{model}"
    for seconds, wait in ((0, 10), (300, 10 / 1.1**5), (601, None)):
        old = {"limit": 1, "level": 0, "rate": 0.1, "used": 0, "at": time.time(), "guessed": time.time() - seconds}
        redis.set(key, json.dumps({"closed": 0, "buckets": {"requests": old}}))
        with another_process():
            if wait is None:
                run(pace.take("openai", model))
                continue
            with pytest.raises(ProviderBusy) as raised:
                run(pace.take("openai", model))
            assert raised.value.retry_after == pytest.approx(wait, abs=0.5)


def test_a_redis_that_forgot_is_told_by_whoever_knows(redis, run, model):
    async def calls():
        pace.learn("openai", model, says(2, limit=6))
        await told(model)
        redis.delete(f"sy:pace:openai/{model}")
        await pace.take("openai", model)
        with another_process(), pytest.raises(ProviderBusy):
            await pace.take("openai", model)

    run(calls())


def test_limits_outlive_redis_and_the_process_and_begin_with_the_last_minutes_usage(redis, run, model):
    used = text("""
        INSERT INTO usage (id, project_id, job_id, attempt, call, provider, model, input_tokens, output_tokens,
          cached_tokens, reasoning_tokens, latency_ms, estimated, created_at)
        SELECT :id, id, :id, 1, 1, 'openai', :model, 10, 10, 0, 0, 1, false, now() FROM projects LIMIT 1
    """)

    async def calls():
        pace.learn("openai", model, says(9, limit=10, reset="6s"))
        await told(model)
        redis.delete(f"sy:pace:openai/{model}")
        long_ago = ids.lowest_id_at(now() - timedelta(minutes=2))
        with db.transaction() as session:
            session.execute(used, [{"id": id, "model": model} for id in (long_ago, *(ids.new_id() for _ in range(10)))])
        with another_process(), pytest.raises(ProviderBusy) as raised:
            await pace.take("openai", model)
        return raised.value.retry_after

    assert 8 < run(calls()) < 11
    assert learned(redis, model)["limit"] == 9.5


def test_without_redis_each_process_paces_itself(redis, run, model, monkeypatch):
    def gone():
        raise our_redis.RedisError("gone")

    monkeypatch.setattr(our_redis, "client", gone)

    async def calls():
        pace.learn("openai", model, says(3, limit=6))
        await told(model)
        await pace.take("openai", model)
        await pace.take("openai", model)
        with pytest.raises(ProviderBusy):
            await pace.take("openai", model)

    run(calls())
    assert list(pace.closed()) == [f"openai/{model}"]


def test_the_vendors_word_corrects_the_level_downwards_at_once_and_upwards_slowly(redis, run, model):
    async def levels():
        for remaining in (55, 15, 55, 55):
            pace.learn("openai", model, says(remaining, reset="6000000s"))
            await told(model)
            yield learned(redis, model)["level"]
            await asyncio.sleep(0.4)

    async def found():
        return [level async for level in levels()]

    first, down, soon, later = run(found())
    assert [first, down, soon] == pytest.approx([50, 10, 10], abs=0.1)
    assert 10 <= later < 15


def test_a_rate_measured_when_little_was_used_is_replaced_by_a_better_one(redis, run, model):
    async def rates():
        for remaining, reset in ((59, "20ms"), (0, "60s"), (30, "1s"), (0, "75s"), (0, "61s")):
            pace.learn("openai", model, says(remaining, limit=60, reset=reset))
            await told(model)
            yield learned(redis, model)["rate"] / 0.95

    async def found():
        return [rate async for rate in rates()]

    assert run(found()) == pytest.approx([1, 1, 1, 0.8, 0.8], rel=0.01)
