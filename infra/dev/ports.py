"""Loopback ports: a free one, and who holds a taken one."""

import socket

import psutil

from infra.dev.problem import Problem

HOST = "127.0.0.1"


def free_port() -> int:
    """A port that nobody listens on now. Somebody may take it before you do; then the start says so."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def require_free(port: int, *, setting: str) -> None:
    """Refuse to start on a port that somebody else listens on, and name them."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except PermissionError:
            raise Problem(f"port {port} may not be used by this user; choose one above 1023: {setting}=8001") from None
        except OSError:
            other = f"{setting}={port + 1}"
            raise Problem(f"port {port} is taken by {holder(port)}; end that, or choose another: {other}") from None


def holder(port: int) -> str:
    """The process that listens on the port, as far as this user may know."""
    try:
        for connection in psutil.net_connections(kind="tcp"):
            listens = connection.status == psutil.CONN_LISTEN
            if listens and connection.pid and connection.laddr and connection.laddr.port == port:
                process = psutil.Process(connection.pid)
                return f"process {process.pid} ({' '.join(process.cmdline())[:80] or process.name()})"
    except psutil.Error:
        pass
    return "a process of another user"


def listening(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((HOST, port)) == 0
