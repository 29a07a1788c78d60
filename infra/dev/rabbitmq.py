"""A private RabbitMQ node, on a machine where RabbitMQ is installed: loopback ports, a password, no plugins.

Its files live in the run folder and go with it, since PostgreSQL holds the truth.
"""

import contextlib
import os
import secrets
import shutil
import socket

from infra.dev import environment as env
from infra.dev.folder import Folder
from infra.dev.ports import HOST, free_port
from infra.dev.problem import Problem
from infra.dev.process import SERVER, Guard, Process

USER = "switchyard"
# Packages keep the server itself here; what they put on the PATH insists on a system user.
PACKAGED = "/usr/lib/rabbitmq/bin"
MISSING = "RabbitMQ is not installed; run `make rabbitmq`, or set BROKER_URL to one that runs"
CONFIGURATION = """\
listeners.tcp.local = {host}:{port}
default_user = {user}
default_pass = {password}
"""
# Left alone, Erlang's port mapper goes into the background and stays; ours belongs to the group and ends with it.
COMMAND = 'epmd -port "$ERL_EPMD_PORT" -address "$ERL_EPMD_ADDRESS" & exec "$0"'


class RabbitMQ:
    """The node's process and the way to it."""

    def __init__(self, folder: Folder, guard: Guard) -> None:
        self.port, self.password = free_port(), secrets.token_hex(16)
        self._home = folder.run / "rabbitmq"
        self.process = Process(
            "rabbitmq",
            ["/bin/sh", "-c", COMMAND, program()],
            guard=guard,
            environment=self._environment(),
            log=folder.logs / "rabbitmq.log",
            stage=SERVER,
            ready=self._greets,
        )

    @property
    def url(self) -> str:
        return f"amqp://{USER}:{self.password}@{HOST}:{self.port}//"

    def prepare(self) -> None:
        self._home.mkdir(mode=0o700)
        (self._home / "plugins").touch()
        (self._home / "rabbitmq.conf").write_text(
            CONFIGURATION.format(host=HOST, port=self.port, user=USER, password=self.password)
        )

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": env.shell().get("PATH", os.defpath),
            "LC_ALL": "C.UTF-8",
            "HOME": str(self._home),
            "ERL_EPMD_ADDRESS": HOST,
            "ERL_EPMD_PORT": str(free_port()),
            "RABBITMQ_NODENAME": f"{USER}@localhost",
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "RABBITMQ_CONF_ENV_FILE": os.devnull,  # not the machine's own
            "RABBITMQ_CONFIG_FILE": str(self._home / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self._home / "plugins"),
            "RABBITMQ_MNESIA_BASE": str(self._home / "mnesia"),
            "RABBITMQ_PID_FILE": str(self._home / "pid"),
            "RABBITMQ_LOGS": "-",
        }

    def _greets(self) -> bool:
        """Being connected is not enough: asked often enough, a port that nobody listens on connects with itself."""
        with contextlib.suppress(OSError), socket.create_connection((HOST, self.port), timeout=1) as probe:
            probe.sendall(b"AMQP\0\0\x09\x01")
            return probe.recv(1) == b"\x01"
        return False


def answers(url: str) -> bool:
    """Whether a RabbitMQ takes this URL's user."""
    from kombu import Connection, exceptions  # most starts need no kombu and should not wait for it

    link = Connection(url, connect_timeout=5)
    errors = (exceptions.OperationalError, *link.connection_errors, *link.channel_errors)
    try:
        with link:
            link.ensure_connection(max_retries=0)
    except errors:
        return False
    return True


def installed() -> bool:
    """Whether this machine has RabbitMQ."""
    return _found() is not None


def program() -> str:
    """The server program; raises Problem where there is none."""
    found = _found()
    if found is None:
        raise Problem(MISSING)
    return found


def _found() -> str | None:
    return shutil.which("rabbitmq-server", path=f"{PACKAGED}{os.pathsep}{env.shell().get('PATH', os.defpath)}")
