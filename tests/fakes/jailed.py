"""What well-behaved and hostile parsers do inside the jail."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from infra.errors import BadInput

Inputs = dict[str, Path]


def echo(argument: Any, inputs: Inputs) -> Any:
    return {"argument": argument, **{name: path.read_text() for name, path in inputs.items()}}


def surroundings(_: Any, __: Inputs) -> Any:
    Path("left behind").write_text("here")
    return {"environment": dict(os.environ), "folder": str(Path.cwd()), "nice": os.nice(0), "pid": os.getpid()}


def refuse(_: Any, __: Inputs) -> Any:
    raise BadInput("Not this.", errors=[{"pointer": "/a", "detail": "wrong"}], pages=3)


def fail(_: Any, __: Inputs) -> Any:
    return int("no number")


def unsayable(_: Any, __: Inputs) -> Any:
    return object()


def sleep(path: str, _: Inputs) -> Any:
    Path(path).write_text(str(os.getpid()))
    time.sleep(60)


def spin(_: Any, __: Inputs) -> Any:
    while True:
        pass


def devour(_: Any, __: Inputs) -> Any:
    eaten = []
    while True:
        eaten.append(bytes(16 * 1024 * 1024))


def fill_the_disk(_: Any, __: Inputs) -> Any:
    with Path("big").open("wb") as file:
        while True:
            file.write(bytes(1024 * 1024))


def answer_at_length(size: int, _: Inputs) -> Any:
    return "x" * size


def nest(_: Any, __: Inputs) -> Any:
    return nest(_, __)


def die(number: int, _: Inputs) -> Any:
    os.kill(os.getpid(), number)


def touch_the_void(_: Any, __: Inputs) -> Any:
    ctypes.string_at(0)


def abort_for_want_of_memory(_: Any, __: Inputs) -> Any:
    sys.stderr.write("memory allocation of 1073741824 bytes failed\n")
    sys.stderr.flush()
    os.kill(os.getpid(), signal.SIGABRT)


def leave_a_child(path: str, _: Inputs) -> Any:
    """By the system call itself, which no hook of the interpreter sees."""
    pid = ctypes.CDLL(None).fork()
    if pid == 0:
        time.sleep(60)
    Path(path).write_text(str(pid))


def reach_out(port: int, _: Inputs) -> Any:
    """What each way out answers."""
    ways = {
        "connect": lambda: socket.create_connection(("127.0.0.1", port), 1),
        "unix": lambda: socket.socket(socket.AF_UNIX),
        "look_up": lambda: socket.getaddrinfo("localhost", port),
        "program": lambda: subprocess.run(["true"], check=True),
        "shell": lambda: os.system("true"),
    }
    said = {}
    for name, way in ways.items():
        try:
            way()
            said[name] = "done"
        except OSError as error:
            said[name] = type(error).__name__
    # As native code would, past the interpreter.
    said["native"] = "refused" if ctypes.CDLL(None).socket(socket.AF_INET, socket.SOCK_STREAM, 0) < 0 else "done"
    return said
