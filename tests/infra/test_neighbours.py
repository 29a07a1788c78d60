"""A connection goes from one process to another, or stays where it is."""

import asyncio
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from infra import neighbours
from infra.neighbours import MESSAGE_AT_MOST, Listener, give


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """The folder of this process and those it would fork."""
    found = neighbours.open_folder(tmp_path)
    yield found
    neighbours.remove_folder()
    assert not found.exists()


async def _given(name: str, message: bytes) -> bytes | None:
    """What a neighbour of that name hears of a connection that is given to it, and answers on it."""
    loop, taken = asyncio.get_running_loop(), asyncio.Event()

    def take(sock: socket.socket, heard: bytes) -> None:
        with sock:
            sock.sendall(b"%d" % len(heard))
        taken.set()

    listener = Listener(loop, name, take)
    client, ours = socket.socketpair()
    try:
        with client:
            if not await asyncio.to_thread(give, "neighbour", ours, message):
                ours.close()
                return None
            await asyncio.wait_for(taken.wait(), 5)
            return client.recv(100)
    finally:
        listener.close()


@pytest.mark.parametrize("size", [1, MESSAGE_AT_MOST])
def test_a_neighbour_gets_the_connection_and_what_was_read_of_it(folder: Path, size: int) -> None:
    assert asyncio.run(_given("neighbour", b"x" * size)) == b"%d" % size


def test_there_may_be_no_such_neighbour(folder: Path) -> None:
    assert asyncio.run(_given("somebody-else", b"x")) is None


def test_nobody_else_may_enter_the_folder(folder: Path) -> None:
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700 and folder.stat().st_uid == os.getuid()


def test_without_a_folder_there_are_no_neighbours() -> None:
    assert asyncio.run(_given("neighbour", b"x")) is None


@pytest.mark.parametrize("length", [1, 100])
def test_the_folder_is_where_make_up_cleans_up_unless_its_path_is_too_long_for_a_socket(length: int) -> None:
    with TemporaryDirectory(dir="/tmp") as short:
        run = Path(short, "x" * length, "run")
        run.mkdir(parents=True)
        assert (neighbours.open_folder(run.parent).parent == run) is (length == 1)
        assert asyncio.run(_given("neighbour", b"x")) == b"1"
        neighbours.remove_folder()
