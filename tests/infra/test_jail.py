"""Hostile input ends a child, and the process that asked lives on with a typed error."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from infra.errors import BadInput, ParserCrashed, ParsingTimeout, ParsingTooLarge
from infra.jail import run_jailed

MEGABYTE = 1024 * 1024
linux = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's part of the jail is Linux's")


def jailed(name: str, argument: Any = None, *, seconds: float = 20, memory: int = 256 * MEGABYTE, **more: Any) -> Any:
    return asyncio.run(run_jailed(f"tests.fakes.jailed:{name}", argument, seconds=seconds, memory_bytes=memory, **more))


def alive(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_argument_and_files_go_in_and_json_comes_out(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text of a")

    assert jailed("echo", {"n": [1, None]}, inputs={"a": tmp_path / "a.txt"}) == {
        "argument": {"n": [1, None]},
        "a": "text of a",
    }


def test_the_child_knows_nothing_of_ours_and_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    found = jailed("surroundings")

    assert "sk-secret" not in str(found["environment"])
    assert not [name for name in found["environment"] if "KEY" in name or "URL" in name]
    assert not Path(found["folder"]).exists()
    assert found["nice"] >= os.nice(0)
    assert not alive(found["pid"])


def test_an_error_of_ours_comes_out_as_it_was_raised() -> None:
    with pytest.raises(BadInput) as raised:
        jailed("refuse")

    assert type(raised.value) is BadInput
    assert (raised.value.detail, raised.value.context) == ("Not this.", {"pages": 3})
    assert raised.value.errors == [{"pointer": "/a", "detail": "wrong"}]


@pytest.mark.parametrize(
    ("name", "argument", "error"),
    [
        ("fail", None, ParserCrashed),
        ("unsayable", None, ParserCrashed),
        ("touch_the_void", None, ParserCrashed),
        ("die", int(signal.SIGKILL), ParsingTooLarge),
        ("abort_for_want_of_memory", None, ParsingTooLarge),
        ("devour", None, ParsingTooLarge),
        ("fill_the_disk", None, ParsingTooLarge),
        ("answer_at_length", 9 * MEGABYTE, ParsingTooLarge),
        ("nest", None, ParsingTooLarge),
    ],
)
def test_every_death_has_its_error(name: str, argument: Any, error: type[BadInput]) -> None:
    with pytest.raises(BadInput) as raised:
        jailed(name, argument, result_bytes=8 * MEGABYTE)

    assert type(raised.value) is error
    assert not raised.value.retryable


@pytest.mark.parametrize("name", ["spin", "sleep"])
def test_time_runs_out_for_who_computes_and_for_who_waits(name: str, tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(ParsingTimeout):
        jailed(name, str(tmp_path / "pid"), seconds=0.5)

    assert time.monotonic() - started < 3


def test_cancelling_kills_the_child_at_once(tmp_path: Path) -> None:
    path = tmp_path / "pid"

    async def cancelled() -> int:
        wish = run_jailed("tests.fakes.jailed:sleep", str(path), seconds=60, memory_bytes=256 * MEGABYTE)
        task = asyncio.create_task(wish)
        await asyncio.to_thread(until, lambda: path.exists() and bool(path.read_text()))
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        return int(path.read_text())

    assert not alive(asyncio.run(cancelled()))


def test_what_the_child_started_ends_with_it(tmp_path: Path) -> None:
    jailed("leave_a_child", str(tmp_path / "pid"))

    pid = int((tmp_path / "pid").read_text())
    until(lambda: not alive(pid) or "Z" in _state(pid))


def _state(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return "Z"


@linux
def test_the_child_dies_with_its_parent(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    code = f"from tests.infra.test_jail import jailed; jailed('sleep', {str(path)!r}, seconds=60)"
    parent = subprocess.Popen([sys.executable, "-c", code])
    until(lambda: path.exists() and bool(path.read_text()))
    parent.kill()
    parent.wait()

    until(lambda: not alive(int(path.read_text())) or _state(int(path.read_text())) == "Z")


def test_there_is_no_network_and_no_other_program() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        said = jailed("reach_out", server.getsockname()[1])

    refused = {name: answer for name, answer in said.items() if name != "native"}
    assert set(refused.values()) == {"PermissionError"}
    if sys.platform == "linux":
        assert said["native"] == "refused"


def test_few_run_at_once_and_the_others_wait_their_turn_without_losing_time() -> None:
    async def many() -> list[Any]:
        wishes = [
            run_jailed("tests.fakes.jailed:echo", number, seconds=2, memory_bytes=64 * MEGABYTE) for number in range(6)
        ]
        return await asyncio.gather(*wishes)

    assert [one["argument"] for one in asyncio.run(many())] == list(range(6))
