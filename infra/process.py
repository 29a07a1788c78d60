"""One of something a process: made at its first use, made anew in a forked child."""

import os
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class PerProcess(Generic[T]):
    """Calls `make` once a process, however many threads ask at the same time."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: tuple[int, T] | None = None
        # A lock that another thread holds during a fork would stay locked in the child.
        os.register_at_fork(after_in_child=self._fresh_lock)

    def __call__(self) -> T:
        """The process's own."""
        made = self._made
        if made is not None and made[0] == os.getpid():
            return made[1]
        with self._lock:
            if self._made is None or self._made[0] != os.getpid():
                self._made = (os.getpid(), self._make())
            return self._made[1]

    def _fresh_lock(self) -> None:
        self._lock = threading.Lock()
