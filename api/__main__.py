"""The operator's commands under one name: `switchyard <command>`, or `python -m api <command>` beside the code.

What a command needs is imported when it is called: `switchyard test` knows no database and no settings.
"""

import click


class _Commands(click.Group):
    """All that there are, by name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names."""
        from api.commands import COMMANDS

        return sorted(str(one.name) for one in COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        if cmd_name == "test":
            from api import test_command

            return test_command.group
        from api.commands import COMMANDS

        return next((one for one in COMMANDS if one.name == cmd_name), None)


@click.group("switchyard", cls=_Commands)
@click.pass_context
def main(ctx: click.Context) -> None:
    """What an operator does at the shell."""
    if ctx.invoked_subcommand != "test":
        from infra import logs

        logs.setup()


if __name__ == "__main__":
    main(prog_name="switchyard")
