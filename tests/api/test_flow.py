"""What may flow in: spans by their number, bodies by their size."""

import os
from collections.abc import Iterator

import pytest

from api.flow import Flow, Room
from infra.dev.ports import free_port
from infra.errors import RateLimited, Unavailable
from tests.workers.jobs.conftest import forget_this_process


@pytest.fixture
def without_redis() -> Iterator[Flow]:
    """A process that cannot reach Redis, and so counts alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "REDIS_URL", f"redis://127.0.0.1:{free_port()}/0")
        forget_this_process()
        yield Flow()
    forget_this_process()


def test_without_redis_a_process_counts_alone(without_redis: Flow) -> None:
    without_redis.take("a", 99, 1_200)
    without_redis.take("a", 21, 1_200)
    with pytest.raises(RateLimited) as caught:
        without_redis.take("a", 1, 1_200)
    assert caught.value.retry_after == 1
    without_redis.take("b", 1, 1_200)


def test_who_is_refused_is_refused_at_once_until_the_wait_is_over(without_redis: Flow) -> None:
    without_redis.refuse_if_full("a", 60)
    without_redis.take("a", 60, 60)
    with pytest.raises(RateLimited) as caught:
        without_redis.take("a", 1, 60)
    assert 54 <= (caught.value.retry_after or 0) <= 55
    with pytest.raises(RateLimited):
        without_redis.refuse_if_full("a", 60)
    without_redis.refuse_if_full("b", 60)


def test_room_is_given_back_however_a_request_ends() -> None:
    room = Room(100)
    with pytest.raises(ZeroDivisionError), room.hold(60) as held:
        held.more(40)
        with pytest.raises(Unavailable) as caught, room.hold(1):
            pass
        assert caught.value.retry_after == 1
        raise ZeroDivisionError
    with room.hold(100), pytest.raises(Unavailable), room.hold(1):
        pass


def test_one_alone_is_let_in_however_large_it_is() -> None:
    room = Room(100)
    with room.hold(90) as held:
        held.more(500)
        with pytest.raises(Unavailable), room.hold(1):
            pass
    with room.hold(1):
        pass
