"""`python -m infra.dev.celery worker|beat …` is `celery -A tasks.app worker …`, `celery -A tasks.clock beat …`, in half
the time.

Celery's umbrella command imports every subcommand first: an interactive shell, Flower, all of it in each worker. Here
the subcommand itself runs, with the same options and the same code.
"""

import sys

from celery.app.utils import find_app
from celery.bin.base import CLIContext
from celery.bin.beat import beat
from celery.bin.worker import worker

COMMANDS = {"worker": (worker, "tasks.app"), "beat": (beat, "tasks.clock")}


def main(name: str, arguments: list[str]) -> None:
    command, app = COMMANDS[name]
    context = CLIContext(app=find_app(app), no_color=True, workdir=None, quiet=False)
    command.main(arguments, prog_name=f"celery {name}", obj=context)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
