"""The operator's commands under one name: `switchyard <command>`, or `python -m api <command>` beside the code."""

import click

from api.commands import COMMANDS
from infra import logs


@click.group("switchyard", commands=COMMANDS)
def main() -> None:
    """What an operator does at the shell."""
    logs.setup()


if __name__ == "__main__":
    main(prog_name="switchyard")
