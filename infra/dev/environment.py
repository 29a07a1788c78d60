"""What the shell, `.env` and the last start say. The only file here that reads the environment."""

import base64
import contextlib
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.dev.problem import Problem

ROOT = Path(__file__).parents[2]
BROKERS = ("redis", "rabbitmq")
KEPT = ("SWITCHYARD_API_KEY", "SWITCHYARD_PROJECT_ID", "FLOWER_USER", "FLOWER_PASSWORD", "ENCRYPTION_KEYS")
# Receivers on this machine are what one tries things with here.
THIS_MACHINE = "127.0.0.0/8,::1/128"


@dataclass(frozen=True)
class Options:
    """How to start. A URL that is None means: the embedded server. `broker` says which one that is for BROKER_URL."""

    data: Path
    port: int = 8000
    flower_port: int = 5555
    io_workers: int = 2
    database_url: str | None = None
    redis_url: str | None = None
    broker_url: str | None = None
    broker: str = "redis"


def shell() -> dict[str, str]:
    return dict(os.environ)


def shell_and_file() -> dict[str, str]:
    """The environment, over the lines of `.env` beside the Makefile where there is one."""
    return {**read_file(ROOT / ".env"), **os.environ}


def options(environment: Mapping[str, str]) -> Options:
    return Options(
        data=ROOT / (environment.get("SWITCHYARD_DATA") or ".local"),
        port=_number(environment, "PORT", 8000, 65535),
        flower_port=_number(environment, "FLOWER_PORT", 5555, 65535),
        io_workers=_number(environment, "IO_WORKERS", 2, 64),
        database_url=environment.get("DATABASE_URL") or None,
        redis_url=environment.get("REDIS_URL") or None,
        broker_url=environment.get("BROKER_URL") or None,
        broker=_one_of(environment, "BROKER", BROKERS),
    )


def _one_of(environment: Mapping[str, str], name: str, values: tuple[str, ...]) -> str:
    text = environment.get(name) or values[0]
    if text not in values:
        raise Problem(f"{name} must be {' or '.join(values)}, not {text!r}")
    return text


def _number(environment: Mapping[str, str], name: str, default: int, highest: int) -> int:
    text = environment.get(name) or str(default)
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= highest:
        raise Problem(f"{name} must be a whole number from 1 to {highest}, not {text!r}")
    return int(text)


def read_file(path: Path) -> dict[str, str]:
    """NAME=value lines; blank lines and # comments are skipped, quotes around a value are taken off."""
    values: dict[str, str] = {}
    with contextlib.suppress(FileNotFoundError, PermissionError):
        for line in path.read_text().splitlines():
            name, equals, value = line.strip().removeprefix("export ").partition("=")
            if equals and not name.startswith("#"):
                values[name.strip()] = value.strip().strip("\"'")
    return values


def write_file(path: Path, values: Mapping[str, str]) -> None:
    """For `source .local/dev.env`; only its owner may read it, since keys and passwords are in it."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text("".join(f"{name}='{value}'\n" for name, value in values.items()))


def kept(path: Path) -> dict[str, str]:
    """What survives a restart: the demo key (the database only has its hash), Flower's password, the encryption key."""
    values = {name: value for name, value in read_file(path).items() if name in KEPT}
    return {
        "FLOWER_USER": "switchyard",
        "FLOWER_PASSWORD": secrets.token_urlsafe(12),
        "ENCRYPTION_KEYS": base64.b64encode(secrets.token_bytes(32)).decode(),
        **values,
    }
