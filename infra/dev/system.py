"""The system as an object: start all or a part of it, in any folder, on any ports; kill and restart its processes.

    with System(Options(data=tmp_path, port=free_port()), only=("api", "io1")) as system:
        system.url, system.api_key, system.database_url, system.redis_url, system.broker_url
        system["io1"].kill()
        system.start_again("io1")

`only=()` starts PostgreSQL, Redis and the broker alone.
"""

import json
from collections.abc import Callable, Collection, Mapping
from types import TracebackType
from typing import Self

from infra.dev import environment as env
from infra.dev.client import Client, Probe
from infra.dev.environment import ROOT, Options
from infra.dev.folder import Folder
from infra.dev.ports import HOST, require_free
from infra.dev.problem import Problem
from infra.dev.process import Process, python
from infra.dev.roles import Role, roles
from infra.dev.servers import is_migrated, start_servers
from infra.dev.supervisor import Report, Supervisor

MAKE_VARIABLES = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")


class System:
    """Everything `make up` starts."""

    def __init__(
        self,
        options: Options,
        *,
        only: Collection[str] | None = None,
        environment: Mapping[str, str] | None = None,
        report: Report = lambda name, seconds: None,
        interrupted: Callable[[], bool] = lambda: False,
    ) -> None:
        self.options, self.folder = options, Folder(options.data)
        self.url = f"http://{HOST}:{options.port}"
        self.flower_url = f"http://{HOST}:{options.flower_port}"
        self.api_key = self.project_id = ""
        self.environment = {**env.shell(), **(environment or {})}
        self._only, self._report, self._interrupted = only, report, interrupted
        self._supervisor: Supervisor | None = None

    @property
    def database_url(self) -> str:
        return self.environment["DATABASE_URL"]

    @property
    def redis_url(self) -> str:
        return self.environment["REDIS_URL"]

    @property
    def broker_url(self) -> str:
        return self.environment["BROKER_URL"]

    @property
    def supervisor(self) -> Supervisor:
        if self._supervisor is None:
            raise Problem("the system is not running")
        return self._supervisor

    def __getitem__(self, name: str) -> Process:
        return self.supervisor.processes[name]

    def start_again(self, name: str) -> None:
        """After a kill or a stop: start the process and wait until it is ready."""
        self.supervisor.start(self[name])

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """All that was asked for, until it is ready. After a Problem or Interrupted, stop() cleans up."""
        wanted = self._wanted()
        for role in wanted:
            if role.port:
                require_free(role.port, setting="FLOWER_PORT" if role.name == "flower" else "PORT")
        self.folder.claim()
        self._supervisor = Supervisor(self.folder.logs, report=self._report, interrupted=self._interrupted)
        self.environment |= start_servers(self.supervisor, self.folder, self.options)
        kept = env.kept(self.folder.environment_file)
        self._tell_children(kept)
        if not wanted:
            return
        # The usual start finds its database as it left it; then everything may start at once.
        known = "SWITCHYARD_API_KEY" in kept and is_migrated(self.database_url)
        self.api_key, self.project_id = kept.get("SWITCHYARD_API_KEY", ""), kept.get("SWITCHYARD_PROJECT_ID", "")
        if not known:
            self._flask("migrate")
            kept = self._seed(kept)
        self.supervisor.start(*(self._process(role) for role in wanted))
        if known and "api" in self.supervisor.processes and not Client(self.options.port, self.api_key).accepted():
            kept = self._seed(kept)
        self._write(kept)

    def stop(self) -> None:
        if self._supervisor:
            self._supervisor.stop()
            self._supervisor = None
        self.folder.release()

    def _wanted(self) -> list[Role]:
        table = roles(
            port=self.options.port,
            flower_port=self.options.flower_port,
            io_workers=self.options.io_workers,
            run=self.folder.run,
        )
        if self._only is None:
            return table
        if unknown := set(self._only) - {role.name for role in table}:
            raise Problem(f"there is no process named {', '.join(sorted(unknown))}")
        return [role for role in table if role.name in self._only]

    def _tell_children(self, kept: Mapping[str, str]) -> None:
        keys = self.environment.get("ENCRYPTION_KEYS") or kept["ENCRYPTION_KEYS"]
        for name in (*MAKE_VARIABLES, *env.KEPT):
            self.environment.pop(name, None)
        self.environment |= {
            "HOST": HOST,
            "PORT": str(self.options.port),
            "SWITCHYARD_DATA": str(self.folder.path),
            "PROMETHEUS_MULTIPROC_DIR": str(self.folder.metrics),
            "ENCRYPTION_KEYS": keys,
            "FLOWER_BASIC_AUTH": f"{kept['FLOWER_USER']}:{kept['FLOWER_PASSWORD']}",
            "PYTHONUNBUFFERED": "1",
        }
        if self.environment.pop("PYTHONDONTWRITEBYTECODE", ""):
            # Not beside the sources, then; without any, each process would compile all of its imports: half its start.
            bytecode = self.environment.get("PYTHONPYCACHEPREFIX") or str(self.folder.path / "bytecode")
            self.environment["PYTHONPYCACHEPREFIX"] = bytecode
        # One person's machine: ending it should not wait for long streams.
        self.environment.setdefault("GRACEFUL_TIMEOUT", "3")
        self.environment.setdefault("WORKER_GRACE_SECONDS", "3")
        self.environment.setdefault("ALLOW_PRIVATE_TARGETS", env.THIS_MACHINE)

    def _seed(self, kept: Mapping[str, str]) -> dict[str, str]:
        """The demo project and key. The earlier key is passed in, so that the one in dev.env stays good."""
        earlier = kept.get("SWITCHYARD_API_KEY", "")
        answer = self._flask("seed-demo", SWITCHYARD_API_KEY=earlier)
        try:
            seeded = json.loads(answer)
            self.api_key, self.project_id = seeded["api_key"] or earlier, seeded["project_id"]
        except (ValueError, KeyError, TypeError):
            raise Problem(f"seed-demo did not print its key as JSON but: {answer[:300]!r}") from None
        return {**kept, "SWITCHYARD_API_KEY": self.api_key, "SWITCHYARD_PROJECT_ID": self.project_id}

    def _write(self, kept: Mapping[str, str]) -> None:
        addresses = {"SWITCHYARD_URL": self.url, "FLOWER_URL": self.flower_url}
        servers = {name: self.environment[name] for name in ("DATABASE_URL", "REDIS_URL", "BROKER_URL")}
        # The operator's own keys too, once used: what they encrypted stays readable without them in the shell.
        keys = {"ENCRYPTION_KEYS": self.environment["ENCRYPTION_KEYS"]}
        env.write_file(self.folder.environment_file, {**addresses, **kept, **servers, **keys})

    def _flask(self, command: str, **extra: str) -> str:
        environment = self.environment | {name: value for name, value in extra.items() if value}
        return self.supervisor.once(command, python("-m", "flask", "--app", "wsgi", command), environment)

    def _process(self, role: Role) -> Process:
        def said_so() -> bool:
            return any(self.folder.run.glob(role.ready_file))

        return Process(
            role.name,
            role.command,
            guard=self.supervisor.guard,
            environment=self.environment,
            log=self.supervisor.log(role.name),
            ready=Probe(role.port, role.path) if role.port else said_so,
            forget=self.folder.run / role.ready_file if role.ready_file.endswith(".ready") else None,
            cwd=ROOT,
        )
