"""`switchyard test run`: runs a suite on a Switchyard elsewhere and waits for it, for people and for CI.

Exit codes: 0, all passed (or flaky, without --strict-flaky); 1, a test failed; 2, it could not be found out: an error
in a test, no server, a wrong key, a name that nobody has, a timeout, a cancelled run.
"""

import contextlib
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    from api.remote_run import Following, Remote

Json = dict[str, Any]

PASSED, FAILED, UNKNOWN = 0, 1, 2
FORMATS = ("junit", "html", "json", "har")
FOREVER = 30 * 86_400
AFTER_CANCELLING_SECONDS = 60.0
EVERY_SECONDS = 10.0
MARKS = {"passed": "✓", "failed": "✗", "errored": "!", "flaky": "~", "skipped": "-", "cancelled": "-"}
COLOURS = {"passed": "green", "failed": "red", "errored": "magenta", "flaky": "yellow"}


@click.group("test")
def group() -> None:
    """Test runs on a Switchyard, from anywhere."""


@group.command("run")
@click.argument("suite", required=False)
@click.option("--url", envvar="SWITCHYARD_URL", required=True, show_envvar=True, help="Where Switchyard is.")
@click.option("--api-key", envvar="SWITCHYARD_API_KEY", required=True, show_envvar=True, help="A key with tests:run.")
@click.option("--env", "environment", help="The environment, by name or id; left out: the suite's own.")
@click.option("--tag", "tags", multiple=True, help="Instead of a suite: all cases with this tag. May be repeated.")
@click.option(
    "--case", "case_ids", multiple=True, metavar="tc_…", help="Instead of a suite: this case. May be repeated."
)
@click.option("--var", "variables", multiple=True, metavar="NAME=VALUE", help="A variable's value. May be repeated.")
@click.option("--times", type=click.IntRange(1, 1000), help="How often each case is executed.")
@click.option("--concurrency", type=click.IntRange(1, 100), help="Executions at the same time.")
@click.option("--fail-fast", is_flag=True, help="Nothing new begins after the first failure.")
@click.option("--strict-flaky", is_flag=True, help="Flaky cases count as failed.")
@click.option("--timeout", type=click.FloatRange(min=1), metavar="SECONDS", help="Cancel the run after that long.")
@click.option("--junit", type=click.Path(dir_okay=False, path_type=Path), help="Write a JUnit XML report there.")
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Write an HTML report there.")
@click.option("--json", type=click.Path(dir_okay=False, path_type=Path), help="Write a JSON report there.")
@click.option("--har", type=click.Path(dir_okay=False, path_type=Path), help="Write a HAR of all requests there.")
@click.option("--no-progress", is_flag=True, help="Print only failures and the summary.")
def run(**options: Any) -> None:
    """Runs SUITE (a name or an id) and waits for its end; --tag or --case in its place.

    Ends with 0 if all passed, with 1 if a test failed, and with 2 if that could not be found out. Ctrl-C cancels the
    run; a second Ctrl-C leaves at once.
    """
    from api.remote_run import Remote, Trouble

    wanted = _wanted(options)
    reports = {form: options[form] for form in FORMATS if options[form] is not None}
    for path in reports.values():
        if not path.parent.is_dir():
            raise click.UsageError(f"There is no folder {path.parent}.")
    signal.signal(signal.SIGTERM, _interrupted)
    try:
        with Remote(options["url"], options["api_key"]) as remote:
            following = remote.start(wanted)
            click.echo(f"Run {following.run_id} began.")
            # First of all: who cannot get a report has this at least.
            code = _summary(_followed(remote, following, options), strict=options["strict_flaky"])
            for form, path in reports.items():
                remote.save_report(following, form, path)
    except Trouble as trouble:
        _leave(str(trouble))
    except KeyboardInterrupt:
        _leave("Interrupted.")
    except Exception as error:
        # Whatever it is, it says nothing of the tests: not with the exit code of a failed one.
        _leave(f"{type(error).__name__}: {error}")
    sys.exit(code)


def _interrupted(*_: Any) -> NoReturn:
    raise KeyboardInterrupt


def _leave(why: str) -> NoReturn:
    click.echo(f"Error: {why}", err=True)
    sys.exit(UNKNOWN)


def _wanted(options: Json) -> Json:
    """The request's body; raises UsageError."""
    given = {"suite": options["suite"], "tags": list(options["tags"]), "test_case_ids": list(options["case_ids"])}
    for name in ("url", "api_key"):
        if not options[name].strip():
            raise click.UsageError(f"Set SWITCHYARD_{name.upper()}, or --{name.replace('_', '-')}.")
    chosen = {name: value for name, value in given.items() if value}
    if len(chosen) != 1:
        raise click.UsageError("Name a suite, or --tag, or --case: one of them.")
    variables = {}
    for one in options["variables"]:
        name, equals, value = one.partition("=")
        if not equals or not name:
            raise click.UsageError(f"--var is NAME=VALUE, not {one!r}.")
        variables[name] = value
    said = {name: options[name] for name in ("environment", "times", "concurrency") if options[name] is not None}
    reports = [form for form in FORMATS if options[form] is not None]
    return {
        **chosen,
        **said,
        **({"variables": variables} if variables else {}),
        **({"fail_fast": True} if options["fail_fast"] else {}),
        **({"reports": reports} if reports else {}),
    }


def _followed(remote: "Remote", following: "Following", options: Json) -> Json:
    """The run as it ended. Ctrl-C, and a timeout, cancel it and wait a little for its teardown; then KeyboardInterrupt
    or Trouble is raised all the same."""
    from api.remote_run import TimeIsUp

    deadline = time.monotonic() + (options["timeout"] or FOREVER)
    try:
        with _shown(options["no_progress"]) as show:
            for event in remote.events(following, deadline):
                show(event)
    except (KeyboardInterrupt, TimeIsUp) as stopped:
        why = "Interrupted" if isinstance(stopped, KeyboardInterrupt) else "Time is up"
        click.echo(f"{why}: the run is being cancelled; Ctrl-C again leaves at once.", err=True)
        remote.cancel(following)
        with contextlib.suppress(TimeIsUp):
            for _ in remote.events(following, time.monotonic() + AFTER_CANCELLING_SECONDS):
                pass
        raise
    return remote.ended(following)


@contextlib.contextmanager
def _shown(quiet: bool) -> Iterator[Any]:
    """What shows an event: a bar on a terminal, lines elsewhere; failures in both."""
    if quiet or not sys.stdout.isatty():
        yield _Lines(quiet).event
        return
    with click.progressbar(length=1, label="Running", show_pos=True) as bar:
        yield _Bar(bar).event


class _Lines:
    """Lines for where there is no terminal."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._said_at = time.monotonic()

    def event(self, event: Json) -> None:
        """Prints what matters of an event."""
        data = event.get("data") or {}
        if event["type"] == "testrun.started" and not self._quiet:
            click.echo(f"{data['cases']} cases, {data['total']} executions.")
        elif event["type"] == "testrun.case_finished" and data["verdict"] != "passed":
            click.echo(_failure(data))
        elif event["type"] == "job.progress" and time.monotonic() - self._said_at >= EVERY_SECONDS and not self._quiet:
            self._said_at = time.monotonic()
            click.echo(_position(data))
        elif event["type"] == "job.retrying":
            click.echo("The run goes on with another attempt.", err=True)


def _position(data: Json) -> str:
    progress = data.get("progress") or {}
    return f"{progress.get('current')} of {progress.get('total')} executions are done."


class _Bar:
    """The bar of a terminal."""

    def __init__(self, bar: Any) -> None:
        self._bar = bar

    def event(self, event: Json) -> None:
        """Moves the bar, and prints failures above it."""
        data = event.get("data") or {}
        if event["type"] == "testrun.started":
            self._bar.length = max(1, data["total"])
        elif event["type"] == "job.progress":
            progress = data.get("progress") or {}
            self._bar.length = max(1, progress.get("total") or self._bar.length)
            self._bar.update(max(0, (progress.get("current") or 0) - self._bar.pos))
        elif event["type"] == "testrun.case_finished" and data["verdict"] != "passed":
            click.echo(f"\r\x1b[K{_failure(data)}")
            self._bar.render_progress()


def _failure(data: Json) -> str:
    verdict = data["verdict"]
    mark = click.style(f"{MARKS.get(verdict, '?')} {verdict}", fg=COLOURS.get(verdict))
    new = click.style(" NEW", bold=True) if data.get("new") else ""
    aside = " (quarantined, does not count)" if data.get("quarantined") else ""
    reason = f"\n    {_in_a_line(data['reason'])}" if data.get("reason") else ""
    return f"{mark}{new}  {_in_a_line(data['name'])}{aside}{reason}"


def _in_a_line(said: str) -> str:
    """Without line breaks and what else a terminal, or the log of a CI system, would take for a command."""
    return " ".join("".join(one if one.isprintable() else " " for one in said).split())


def _summary(ended: Json, *, strict: bool) -> int:
    """Prints how it ended; returns the exit code."""
    verdict, counts = ended.get("verdict"), ended.get("counts") or {}
    listed = ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "nothing was run"
    new = ended.get("new_failures") or 0
    click.echo(f"{click.style(str(verdict or ended['status']).upper(), fg=COLOURS.get(verdict or ''))}: {listed}"
               f"{f'; {new} new' if new else ''}.")  # fmt: skip
    if ended["status"] != "succeeded":
        error = ended.get("error") or {}
        said = error.get("message") or ended.get("reason") or f"The run is {ended['status']}."
        click.echo(f"Error: {_in_a_line(said)}", err=True)
        return UNKNOWN
    if verdict in ("errored", None, "cancelled", "skipped") and ended.get("reason"):
        click.echo(f"  {_in_a_line(ended['reason'])}")
    if verdict == "flaky" and not strict:
        click.echo("Warning: flaky cases passed and failed; --strict-flaky makes that a failure.", err=True)
        return PASSED
    return {"passed": PASSED, "failed": FAILED, "flaky": FAILED}.get(str(verdict), UNKNOWN)
