"""A database that is away for a moment is waited for; anything else is not."""

import asyncio
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from infra.errors import NotFound
from workers.suites.running.patience import patiently


def answering(*turns: Any) -> tuple[Any, list[Any]]:
    """A function that raises or returns these in turn, and what it was called with."""
    left, calls = [*turns], list[Any]()

    def answer(*args: Any, **options: Any) -> Any:
        calls.append((args, options))
        turn = left.pop(0)
        if isinstance(turn, Exception):
            raise turn
        return turn

    return answer, calls


def test_what_failed_because_the_database_was_away_is_done_again() -> None:
    away = OperationalError("SELECT 1", {}, Exception("server closed the connection"))
    answer, calls = answering(away, "there")
    assert asyncio.run(patiently(answer, 1, two=2)) == "there"
    assert calls == [((1,), {"two": 2})] * 2


def test_any_other_error_is_raised_at_once() -> None:
    answer, calls = answering(NotFound("It is gone."), "there")
    with pytest.raises(NotFound):
        asyncio.run(patiently(answer))
    assert len(calls) == 1
