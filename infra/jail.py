"""Runs a function on untrusted bytes in a process of its own, so that hostile input ends a child and not the worker.

The child (infra/jail_child.py) has limits on time, memory and what it writes, no network, no environment, no programs
to start, and dies with its parent. It gets JSON and paths of files, and answers with JSON.
"""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Mapping
from contextlib import suppress
from math import ceil
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import structlog

from infra import scratch
from infra.errors import ParserCrashed, ParsingTimeout, ParsingTooLarge, SwitchyardError
from infra.json import dump_bytes, loads

# Children of one process at the same time; others wait, and their clock does not run yet.
AT_ONCE = 2
RESULT_BYTES = 512 * 1024 * 1024
NICE = 5
_ROOT = Path(__file__).parents[1]
_SAID = 4096
_NO_MEMORY = (b"memory allocation of", b"bad_alloc", b"MemoryError", b"out of memory", b"Cannot allocate memory")

log = structlog.get_logger(__name__)
_places: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


async def run_jailed(
    function: str,
    argument: Any,
    *,
    inputs: Mapping[str, Path] | None = None,
    seconds: float,
    memory_bytes: int,
    result_bytes: int = RESULT_BYTES,
) -> Any:
    """What `package.module:function(argument, {name: path})` returns, run in a process of its own.

    `argument` and the result are JSON. `memory_bytes` is what the function may use beyond its imported modules;
    `seconds` bounds the wall clock and the processor time; cancelling kills the child at once.
    Raises ParsingTimeout, ParsingTooLarge (memory, or a result over `result_bytes`), ParserCrashed, any SwitchyardError
    that the function raises, and Unavailable where there is no room on the disk.
    """
    with scratch.folder() as made:
        folder = made.absolute()
        order = {
            "function": function,
            "argument": argument,
            "inputs": {key: str(path.absolute()) for key, path in (inputs or {}).items()},
            "cpu_seconds": ceil(seconds) + 1,
            "memory_bytes": memory_bytes,
            "file_bytes": result_bytes,
            "nice": NICE,
            "parent": os.getpid(),
        }
        await asyncio.to_thread((folder / "order.json").write_bytes, dump_bytes(order))
        async with _places.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(AT_ONCE)):
            status = await _run(folder, seconds)
        return await asyncio.to_thread(_answer, folder, status, function)


async def _run(folder: Path, seconds: float) -> int:
    """The child's exit status, negative for a signal."""
    with (folder / "stderr").open("wb") as said:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "infra.jail_child", str(folder)),
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=said,
            cwd=folder,
            env=_environment(folder),
            start_new_session=True,
        )
    try:
        return await asyncio.wait_for(child.wait(), seconds)
    except TimeoutError:
        raise ParsingTimeout(f"The input could not be read within {seconds:g} seconds; send it in parts.") from None
    finally:
        await _end(child)


def _environment(folder: Path) -> dict[str, str]:
    """Nothing of ours, and one thread and one heap where libraries would take many."""
    return {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(_ROOT),
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "MALLOC_ARENA_MAX": "2",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "RAYON_NUM_THREADS": "1",
    }


async def _end(child: Process) -> None:
    """Kills whatever of the child's group still runs, and leaves no zombie."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    await child.wait()


def _answer(folder: Path, status: int, function: str) -> Any:
    path = folder / "answer.json"
    if status != 0 or not path.exists():
        raise _death(folder, status, function)
    answer = loads(path.read_bytes())
    if "result" in answer:
        return answer["result"]
    error = answer["error"]
    if error["name"] == ParserCrashed.__name__:
        log.warning("jail.parser_failed", function=function, traceback=error["traceback"])
    found = _named(error["name"])
    raise found(error["detail"], retry_after=error["retry_after"], errors=error["errors"], **error["context"])


def _death(folder: Path, status: int, function: str) -> SwitchyardError:
    """The error for a child that gave no answer."""
    with (folder / "stderr").open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _SAID))
        said = file.read()
    log.warning("jail.child_died", function=function, status=status, said=said.decode(errors="replace"))
    if status == -signal.SIGXCPU:
        return ParsingTimeout()
    # A kill that was not ours is the kernel's, for want of memory.
    if status == -signal.SIGKILL or any(sign in said for sign in _NO_MEMORY):
        return ParsingTooLarge()
    return ParserCrashed()


def _named(name: str, above: type[SwitchyardError] = SwitchyardError) -> type[SwitchyardError]:
    """The class of the error tree with that name."""
    waiting = [above]
    for one in waiting:
        if one.__name__ == name:
            return one
        waiting.extend(one.__subclasses__())
    return ParserCrashed
