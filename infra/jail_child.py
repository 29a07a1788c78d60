"""The inside of the jail (infra/jail.py): gives up its rights, runs one function, writes its answer, and ends.

What a system does not have is left out: rlimits hold wherever there are any, the filter of system calls on Linux.
"""

import ctypes
import errno
import os
import pkgutil
import platform
import resource
import signal
import struct
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from infra.errors import ParserCrashed, ParsingTooLarge, SwitchyardError
from infra.json import dump_bytes, loads

Jailed = Callable[[Any, dict[str, Path]], Any]

# From <linux/prctl.h>, <linux/seccomp.h>, <linux/filter.h> and <linux/audit.h>.
PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 22, 38
SECCOMP_MODE_FILTER, SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO = 2, 0x7FFF0000, 0x00050000
BPF_LOAD, BPF_JUMP_IF_EQUAL, BPF_JUMP_IF_GREATER_OR_EQUAL, BPF_RETURN = 0x20, 0x15, 0x35, 0x06
X32_CALLS = 0x40000000
# Architecture's number, then its numbers of: socket, socketpair, connect, bind, ptrace, execve, execveat,
# io_uring_setup, process_vm_readv, pidfd_getfd.
REFUSED = {
    "x86_64": (0xC000003E, (41, 53, 42, 49, 101, 59, 322, 425, 310, 438)),
    "aarch64": (0xC00000B7, (198, 199, 203, 200, 117, 221, 281, 425, 270, 438)),
}
REFUSED_EVENTS = ("socket.", "subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.system", "os.spawn")


def main(folder: Path) -> None:
    """Carries out `order.json` of the folder and leaves `answer.json` there."""
    order = loads((folder / "order.json").read_bytes())
    _die_with(order["parent"])
    os.umask(0o077)
    os.nice(order["nice"])
    (folder / "answer.part").write_bytes(_answer(order))
    (folder / "answer.part").rename(folder / "answer.json")


def _answer(order: dict[str, Any]) -> bytes:
    """`{"result": …}` or `{"error": …}`."""
    try:
        function: Jailed = pkgutil.resolve_name(order["function"])
        _limit(order)
        _refuse_the_world()
        inputs = {name: Path(path) for name, path in order["inputs"].items()}
        # What cannot be said as JSON is the function's failure too.
        answer = dump_bytes({"result": function(order["argument"], inputs)})
        if len(answer) > order["file_bytes"]:
            raise ParsingTooLarge("What was read from the input is too large.")
        return answer
    except SwitchyardError as error:
        return _said(error)
    except MemoryError:
        return _said(ParsingTooLarge())
    except RecursionError:
        return _said(ParsingTooLarge("The input is nested too deeply to be read."))
    except OSError as error:
        too_large = error.errno in (errno.EFBIG, errno.ENOMEM)
        return _said(ParsingTooLarge() if too_large else ParserCrashed())
    except Exception as error:
        failure = ParserCrashed(f"The parser failed on this input ({type(error).__name__}).")
        return _said(failure, traceback.format_exc(limit=-12)[-4000:])


def _said(error: SwitchyardError, trace: str = "") -> bytes:
    said = {
        "name": type(error).__name__,
        "detail": error.detail,
        "retry_after": error.retry_after,
        "errors": error.errors,
        "context": error.context,
        "traceback": trace,
    }
    return dump_bytes({"error": said})


def _die_with(parent: int) -> None:
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # It may have died before we asked to follow it.
    if os.getppid() != parent:
        os._exit(1)


def _limit(order: dict[str, Any]) -> None:
    """Memory is counted from what the imported modules have reserved already."""
    limits = {
        resource.RLIMIT_AS: _reserved() + order["memory_bytes"],
        resource.RLIMIT_CPU: order["cpu_seconds"],
        resource.RLIMIT_FSIZE: order["file_bytes"],
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: 256,
    }
    for limit, value in limits.items():
        # A system may not know the limit, or have a lower one in force.
        with suppress(ValueError, OSError):
            resource.setrlimit(limit, (value, value))


def _reserved() -> int:
    """Bytes of address space in use."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        return 0


def _refuse_the_world() -> None:
    """No socket and no other program from here on: by the kernel where it can, and by the interpreter anyway."""
    _prctl(PR_SET_NO_NEW_PRIVS, 1)
    if sys.platform == "linux" and platform.machine() in REFUSED:
        _filter_calls(*REFUSED[platform.machine()])
    sys.addaudithook(_refuse)


def _refuse(event: str, _arguments: tuple[Any, ...]) -> None:
    if event.startswith(REFUSED_EVENTS):
        raise PermissionError(errno.EACCES, f"a jailed parser may not use {event}")


def _filter_calls(architecture: int, calls: tuple[int, ...]) -> None:
    """A filter that answers those system calls with EACCES, also by another numbering of theirs."""
    below = len(calls)
    program = [
        _step(BPF_LOAD, 4),
        _step(BPF_JUMP_IF_EQUAL, architecture, otherwise=below + 3),
        _step(BPF_LOAD, 0),
        _step(BPF_JUMP_IF_GREATER_OR_EQUAL, X32_CALLS, then=below + 1),
        *(_step(BPF_JUMP_IF_EQUAL, call, then=below - index) for index, call in enumerate(calls)),
        _step(BPF_RETURN, SECCOMP_RET_ALLOW),
        _step(BPF_RETURN, SECCOMP_RET_ERRNO | errno.EACCES),
    ]
    steps = ctypes.create_string_buffer(b"".join(program))
    # struct sock_fprog: the number of steps, and where they are.
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(program), ctypes.addressof(steps)))
    _prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(header))


def _step(code: int, value: int, *, then: int = 0, otherwise: int = 0) -> bytes:
    """One struct sock_filter."""
    return struct.pack("HBBI", code, then, otherwise, value)


def _prctl(option: int, value: int, third: int = 0) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, *(ctypes.c_ulong(one) for one in (value, third, 0, 0)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    # Nothing is left to tidy, and freeing what was parsed may take seconds.
    os._exit(0)
