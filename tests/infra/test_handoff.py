"""Clients that send slowly are not waited for without end."""

import socket
import threading
import time

import pytest

from infra.handoff import impatient


def drip(sock: socket.socket, seconds: float) -> None:
    """A byte every few milliseconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            sock.send(b"x")
        except OSError:
            return
        time.sleep(0.01)


def test_a_client_that_sends_a_byte_now_and_then_is_cut_off_in_all() -> None:
    ours, theirs = socket.socketpair()
    writer = threading.Thread(target=drip, args=(theirs, 5.0))
    writer.start()
    began = time.monotonic()
    with pytest.raises(TimeoutError), impatient({"gunicorn.socket": ours}, 1.0, in_all=0.2):
        while ours.recv(1):
            pass
    assert 0.15 < time.monotonic() - began < 2
    ours.close()
    writer.join()
    theirs.close()


def test_who_is_done_in_time_is_not_cut_off_later() -> None:
    ours, theirs = socket.socketpair()
    with impatient({"gunicorn.socket": ours}, 1.0, in_all=0.05):
        theirs.send(b"all")
        assert ours.recv(10) == b"all"
    time.sleep(0.1)
    theirs.send(b"more")
    assert ours.recv(10) == b"more"
    ours.close()
    theirs.close()


def test_another_error_on_the_way_stays_what_it_is() -> None:
    ours, theirs = socket.socketpair()
    with pytest.raises(ValueError, match="mine"), impatient({"gunicorn.socket": ours}, 1.0, in_all=1.0):
        raise ValueError("mine")
    ours.close()
    theirs.close()
