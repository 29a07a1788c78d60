"""A streamed answer on its way to whoever watches: the first piece at once, then at most one every 20 ms."""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Any

from workers.providers.base import Delta
from workers.providers.meter import characters

Json = dict[str, Any]

APART_SECONDS = 0.02


class Deltas:
    """Merges pieces that come faster than anybody reads; `text` and `reasoning` hold all, `length` is its length."""

    def __init__(self, send: Callable[[Json], None]) -> None:
        self._send = send
        self._waiting: list[Json] = []
        self._sent_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.text: list[str] = []
        self.reasoning: list[str] = []
        self.calls: list[Json] = []
        self.length = 0
        self.sent = False

    def add(self, delta: Delta) -> None:
        """Takes a piece; sends it now, or with others when 20 ms have passed, also if no other comes."""
        if delta.content:
            self.text.append(delta.content)
            self.length += len(delta.content)
            self._merge("content", delta.content)
        if delta.reasoning:
            self.reasoning.append(delta.reasoning)
            self.length += len(delta.reasoning)
            self._merge("reasoning", delta.reasoning)
        if delta.tool_calls:
            self.calls += delta.tool_calls
            self.length += characters(delta.tool_calls)
            self._merge("tool_calls", delta.tool_calls)
        if self._timer is not None:
            return
        wait = self._sent_at + APART_SECONDS - monotonic()
        if wait <= 0:
            self.flush()
        else:
            self._timer = asyncio.get_running_loop().call_later(wait, self.flush)

    def flush(self) -> None:
        """Sends what waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        self._sent_at = monotonic()
        self.sent = True
        for piece in waiting:
            self._send(piece)

    def drop(self) -> None:
        """Forgets what waits: the answer it belongs to is given up."""
        self._waiting = []
        self.flush()

    def _merge(self, name: str, value: Any) -> None:
        if self._waiting and name in self._waiting[-1]:
            self._waiting[-1][name] = self._waiting[-1][name] + value
        else:
            self._waiting.append({name: value})
