"""Gunicorn's settings, each under its reason. This file is the server's own, so it reads its own variables."""

import os
import resource
from pathlib import Path
from typing import Any

from prometheus_client import multiprocess

from infra import neighbours
from infra.settings import settings

# Loopback unless said otherwise: a proxy or a container's port mapping decides who else may come.
bind = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
backlog = 2048

# Threads beat gevent here by 1.4 to 2.7 times on REST, with a far better tail; streams are handed off to an event loop.
worker_class = "infra.handoff.HandoffWorker"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
# More threads only wait for each other: 8 made 11 % more submits than 16 at 32 clients, with a better tail.
threads = int(os.environ.get("WEB_THREADS", "8"))
# Idle connections and open streams cost no thread, so there may be many.
worker_connections = 10_000
# Each is a file descriptor; shells give 1,024 of them, and let a process take more.
_limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (_limit if _limit != resource.RLIM_INFINITY else 1_048_576, _limit))
keepalive = 30

# A worker that says nothing for this long is stuck; one that is asked to end may finish what it has begun.
timeout = 60
graceful_timeout = int(os.environ.get("GRACEFUL_TIMEOUT", "20"))
# The heartbeat file must not wait for a disk.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None

# Longest request line (a URL with a filter) and header fields that we look at.
limit_request_line = 8190
limit_request_fields = 100
limit_request_field_size = 16_380

# The app logs each request itself, as one structured line; gunicorn's own log is for starts, ends and crashes.
accesslog = None
errorlog = "-"
loglevel = os.environ.get("GUNICORN_LOG_LEVEL", "info")

# One import for all workers: half the start, and shared memory. No connection is open then; each opens its own.
preload_app = True
# A control socket in the home folder would be shared by every gunicorn of this user.
control_socket_disable = True


def on_starting(server: Any) -> None:
    """The folder in which the workers find each other, made before there are any."""
    neighbours.open_folder(settings().data)


def on_exit(server: Any) -> None:
    """The last worker has ended."""
    neighbours.remove_folder()


def child_exit(server: Any, worker: Any) -> None:
    """A dead worker's gauges must not be counted any longer."""
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        multiprocess.mark_process_dead(worker.pid)
