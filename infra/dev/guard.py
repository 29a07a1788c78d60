"""Ends what a supervisor started, when the supervisor itself is killed and can no longer do it.

Run as a script of its own with a pipe as stdin, whose other end only the supervisor holds. It reads lines
`+ <process group> <signal> <stage>` and `- <process group>`. When the pipe closes, the supervisor is gone: the groups
of the highest stage (API, workers) get their signal first, the servers they need later; what does not end is killed.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterable

GRACE_SECONDS = 8.0
Groups = dict[int, tuple[int, int]]


def follow(lines: Iterable[str]) -> Groups:
    """The groups that were alive when the supervisor went away: group → (signal, stage)."""
    groups: Groups = {}
    for line in lines:
        sign, *numbers = line.split()
        if sign == "+":
            group, number, stage = map(int, numbers)
            groups[group] = (number, stage)
        else:
            groups.pop(int(numbers[0]), None)
    return groups


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def end(groups: Groups) -> None:
    """The stages from the highest to the lowest: ask, wait, kill."""
    for stage in sorted({stage for _, stage in groups.values()}, reverse=True):
        members = [(group, number) for group, (number, of) in groups.items() if of == stage]
        for group, number in members:
            with contextlib.suppress(ProcessLookupError):
                os.kill(group, number)  # its first process; it knows best how to end the others
        deadline = time.monotonic() + GRACE_SECONDS
        while any(alive(group) for group, _ in members) and time.monotonic() < deadline:
            time.sleep(0.05)
        for group, _ in members:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    end(follow(sys.stdin))
