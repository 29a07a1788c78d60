"""What an operator does at the shell: `flask --app wsgi <command>`, or `switchyard <command>` where it is installed."""

import logging
from contextlib import suppress
from uuid import UUID

import click
import structlog
from flask import Flask

import models
from api import test_command
from infra import db, ids, json, schema
from infra.errors import NotFound, Unauthenticated, Unavailable
from schemas.api_key import SCOPES
from schemas.project import ProjectOut
from workers import doctor, projects
from workers.identity import keys
from workers.traces import forgetting


@click.command("migrate")
def migrate() -> None:
    """Brings the database's tables up to date."""
    schema.upgrade()
    # Spans of today have a day of theirs when the first come. What cannot be now is done by the clock.
    with suppress(Unavailable):
        forgetting.keep_days()
    click.echo(f"migrated to {schema.newest()}")


@click.command("make-migration")
@click.argument("message")
@click.argument("number")
def make_migration(message: str, number: str) -> None:
    """Writes the migration that the models need and the database lacks."""
    schema.write_revision(message, number, models.Base.metadata)


@click.command("create-project")
@click.argument("name")
@click.option("--owner", required=True, help="The owner's e-mail address.")
def create_project(name: str, owner: str) -> None:
    """Makes a project and its first API key, which is printed this once."""
    with db.transaction() as session:
        project, user = projects.create_project(session, name=name, owner_email=owner)
        _, secret = keys.create_key(session, project_id=project.id, name="first key", created_by=user.id)
    click.echo(json.dumps({"project_id": project.public_id, "api_key": secret}))


@click.command("create-key")
@click.argument("project")
@click.option("--name", default="key", show_default=True)
@click.option("--scope", "scopes", multiple=True, type=click.Choice(SCOPES), help="May be repeated; all, if left out.")
def create_key(project: str, name: str, scopes: tuple[str, ...]) -> None:
    """Makes another API key for PROJECT (proj_…), which is printed this once."""
    project_id = _project_id(project)
    try:
        with db.transaction() as session:
            projects.get_project(session, project_id, project_id)
            _, secret = keys.create_key(session, project_id=project_id, name=name, scopes=scopes or SCOPES)
    except NotFound as error:
        raise click.ClickException(error.detail) from None
    click.echo(json.dumps({"project_id": project, "api_key": secret}))


@click.command("seed-demo")
@click.option("--api-key", envvar="SWITCHYARD_API_KEY", default="", help="The key of an earlier seeding, to keep it.")
def seed_demo(api_key: str) -> None:
    """Makes a demo project and a key; prints no key where the earlier one still works, and may do all there is."""
    with db.transaction() as session:
        try:
            known = keys.authenticate(session, api_key)
            answer = {"project_id": ids.show("proj", known.project_id), "api_key": None}
            if not known.scopes.issuperset(SCOPES):
                _, answer["api_key"] = keys.create_key(session, project_id=known.project_id, name="demo")
        except Unauthenticated:
            project, user = projects.create_project(session, name="demo", owner_email="demo@localhost")
            _, secret = keys.create_key(session, project_id=project.id, name="demo", created_by=user.id)
            answer = {"project_id": project.public_id, "api_key": secret}
    click.echo(json.dumps(answer))


@click.group("project")
def project_group() -> None:
    """A project's share and limits, which protect the others."""


@project_group.command("set")
@click.argument("project")
@click.option("--weight", type=click.IntRange(1, 1000), help="Its share of scarce workers, beside others' weights.")
@click.option("--max-running", type=click.IntRange(0), help="Jobs that may run at once; 0: the installation's default.")
@click.option("--max-queued", type=click.IntRange(0), help="Jobs that may wait; 0: the installation's default.")
def set_project(project: str, **limits: int | None) -> None:
    """Changes what PROJECT (proj_…) may do, and prints the policy that applies now."""
    project_id = _project_id(project)
    changes = {name: value or None for name, value in limits.items() if value is not None}
    try:
        with db.transaction() as session:
            shown = projects.shown(projects.change_project(session, project_id, project_id, changes))
    except NotFound as error:
        raise click.ClickException(error.detail) from None
    click.echo(json.dumps(ProjectOut().dump(shown)))


def _project_id(text: str) -> UUID:
    found = ids.parse("proj", text)
    if found is None:
        raise click.BadParameter("must be proj_ and 32 lowercase hex digits", param_hint="PROJECT")
    return found


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def examine(as_json: bool) -> None:
    """Says what is wrong and what to do. Ends with 0: all well, 1: something to do, 2: no database."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    report = doctor.examine()
    if as_json:
        findings = [
            {"check": one.check, "ok": one.ok, "says": one.says, "advice": one.advice} for one in report.findings
        ]
        click.echo(json.dumps({"exit_code": report.exit_code, "findings": findings}))
    else:
        for one in report.findings:
            click.echo(f"{'ok  ' if one.ok else 'LOOK'}  {one.check:<20}  {one.says}")
            if not one.ok:
                click.echo(f"{'':<26}  → {one.advice}")
    raise SystemExit(report.exit_code)


COMMANDS: tuple[click.Command, ...] = (
    migrate,
    make_migration,
    create_project,
    create_key,
    seed_demo,
    project_group,
    examine,
    test_command.group,
)


def init_app(app: Flask) -> None:
    """Adds the commands."""
    for command in COMMANDS:
        app.cli.add_command(command)
