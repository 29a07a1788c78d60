"""The processes Switchyard consists of, as a table. docker-compose.yml and the Kubernetes files start the same ones."""

from dataclasses import dataclass
from pathlib import Path

from infra.dev.process import python

IO_QUEUES = ("completions", "images", "testruns", "webhooks", "default")
CPU_QUEUES = ("ingest", "rag", "features")
# Workers need not know each other: no waiting for neighbours at the start, no election of a leader.
QUIET = ("--without-mingle", "--without-gossip")
SCHEDULE = "celerybeat-schedule"  # the database layer of this Python adds an ending
BEAT = ("--pidfile=", "--loglevel", "INFO")


@dataclass(frozen=True)
class Role:
    """A process: name, command, and how we see that it is ready: an HTTP path, or a file in the run folder."""

    name: str
    command: list[str]
    port: int | None = None
    path: str = ""
    ready_file: str = ""


def roles(*, port: int, flower_port: int, io_workers: int, run: Path) -> list[Role]:
    return [
        Role("api", python("-m", "gunicorn", "-c", "infra/gunicorn_conf.py", "wsgi:app"), port=port, path="/ready"),
        *(io_worker(f"io{number}") for number in range(1, io_workers + 1)),
        cpu_worker("cpu"),
        Role("beat", _quick("beat", "--schedule", str(run / SCHEDULE), *BEAT), ready_file=f"{SCHEDULE}*"),
        Role(
            "flower",
            _celery("flower", "--address=127.0.0.1", f"--port={flower_port}"),
            port=flower_port,
            path="/healthcheck",
        ),
    ]


def io_worker(name: str) -> Role:
    """Calls providers: a few threads take messages, one asyncio loop does the waiting."""
    return _worker(name, IO_QUEUES, "--pool", "threads", "--concurrency", "8", *QUIET)


def cpu_worker(name: str) -> Role:
    """Parses and computes, in processes of their own, which celeryconfig.py replaces now and then."""
    return _worker(name, CPU_QUEUES, "--pool", "prefork", "--concurrency", "2", *QUIET)


def _worker(name: str, queues: tuple[str, ...], *options: str) -> Role:
    also = ("--include", "infra.dev.worker_ready", "--loglevel", "INFO")
    return Role(
        name, _quick("worker", "-n", f"{name}@%h", *options, "-Q", ",".join(queues), *also), ready_file=f"{name}.ready"
    )


def _celery(command: str, *options: str) -> list[str]:
    return python("-m", "celery", "-A", "tasks.clock", command, *options)


def _quick(command: str, *options: str) -> list[str]:
    """The same command without the umbrella around it (see celery.py)."""
    return python("-m", "infra.dev.celery", command, *options)
