"""The processes Switchyard consists of, as a table. docker-compose.yml and the Kubernetes files start the same ones."""

from dataclasses import dataclass

from infra.dev.process import python

IO_QUEUES = ("completions", "images", "testruns", "webhooks", "default")
CPU_QUEUES = ("ingest", "rag", "features")


@dataclass(frozen=True)
class Role:
    """A process: name, command, and how we see that it is ready: an HTTP path, or the file of a Celery worker."""

    name: str
    command: list[str]
    port: int | None = None
    path: str = ""
    ready_file: bool = False


def roles(*, port: int, flower_port: int, io_workers: int, schedule: str) -> list[Role]:
    return [
        Role("api", python("-m", "gunicorn", "-c", "infra/gunicorn_conf.py", "wsgi:app"), port=port, path="/ready"),
        *(io_worker(f"io{number}") for number in range(1, io_workers + 1)),
        cpu_worker("cpu"),
        Role("beat", _celery("beat", "--schedule", schedule, "--pidfile=", "--loglevel", "INFO")),
        Role(
            "flower",
            _celery("flower", "--address=127.0.0.1", f"--port={flower_port}"),
            port=flower_port,
            path="/healthcheck",
        ),
    ]


def io_worker(name: str) -> Role:
    """Calls providers: a few threads take messages, one asyncio loop does the waiting."""
    return _worker(name, IO_QUEUES, "--pool", "threads", "--concurrency", "8")


def cpu_worker(name: str) -> Role:
    """Parses and computes, in processes of their own, which celeryconfig.py replaces now and then."""
    return _worker(name, CPU_QUEUES, "--pool", "prefork", "--concurrency", "2")


def _worker(name: str, queues: tuple[str, ...], *options: str) -> Role:
    also = ("--include", "infra.dev.worker_ready", "--loglevel", "INFO")
    return Role(name, _celery("worker", "-n", f"{name}@%h", *options, "-Q", ",".join(queues), *also), ready_file=True)


def _celery(command: str, *options: str) -> list[str]:
    return python("-m", "celery", "-A", "tasks.app", command, *options)
