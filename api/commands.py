"""What an operator does at the shell: `flask --app wsgi <command>`."""

import click
from flask import Flask

import models
from infra import db, ids, json, schema
from infra.errors import Unauthenticated
from workers import projects
from workers.identity import keys


@click.command("migrate")
def migrate() -> None:
    """Brings the database's tables up to date."""
    schema.upgrade()
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


@click.command("seed-demo")
@click.option("--api-key", envvar="SWITCHYARD_API_KEY", default="", help="The key of an earlier seeding, to keep it.")
def seed_demo(api_key: str) -> None:
    """Makes a demo project and a key; prints no key where the earlier one still works."""
    with db.transaction() as session:
        try:
            known = keys.authenticate(session, api_key)
            answer = {"project_id": ids.show("proj", known.project_id), "api_key": None}
        except Unauthenticated:
            project, user = projects.create_project(session, name="demo", owner_email="demo@localhost")
            _, secret = keys.create_key(session, project_id=project.id, name="demo", created_by=user.id)
            answer = {"project_id": project.public_id, "api_key": secret}
    click.echo(json.dumps(answer))


COMMANDS = (migrate, make_migration, create_project, seed_demo)


def init_app(app: Flask) -> None:
    """Adds the commands."""
    for command in COMMANDS:
        app.cli.add_command(command)
