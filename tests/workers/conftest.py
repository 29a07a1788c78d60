"""A fake provider on loopback for the whole run, and an event loop that is left clean."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from tests.fakes.provider import FakeProvider
from workers.providers import breaker, names, pace, routing

Run = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture
def fake() -> Iterator[FakeProvider]:
    """Every provider points at this server."""
    with FakeProvider() as server:
        everywhere = {
            name: server.settings(path="" if name == "anthropic" else "/v1")
            for name in ("openai", "anthropic", "openrouter", "xai", "gemini", "local")
        }
        with names.credentials(everywhere):
            yield server


@pytest.fixture
def run() -> Iterator[Run]:
    """Runs a coroutine on a new loop and closes the providers' connections afterwards."""

    async def wrapped(coroutine: Coroutine[Any, Any, Any]) -> Any:
        try:
            return await asyncio.wait_for(coroutine, 20)
        finally:
            await routing.close()

    yield lambda coroutine: asyncio.run(wrapped(coroutine))
    breaker.forget_everything()
    pace.forget_everything()
