"""The same processes everywhere: `make up`, docker-compose, the image. And the Makefile's own promises."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

import celeryconfig
from infra.dev.celery import COMMANDS
from infra.dev.environment import ROOT
from infra.dev.roles import roles

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "infra" / "docker" / "Dockerfile").read_text()
LOCAL = {role.name: role.command for role in roles(port=8000, flower_port=5555, io_workers=2, run=Path("run"))}
SAME = {"api": "api", "io1": "worker-io", "io2": "worker-io", "cpu": "worker-cpu", "beat": "beat", "flower": "flower"}


def option(command: list[str], name: str) -> str:
    return command[command.index(name) + 1]


def test_every_role_is_in_both() -> None:
    assert set(SAME) == set(LOCAL)
    assert set(SERVICES) == {*SAME.values(), "postgres", "redis", "migrate"}


@pytest.mark.parametrize("local", SAME)
def test_a_role_runs_the_same_command_in_both(local: str) -> None:
    here, there = LOCAL[local][2:], SERVICES[SAME[local]]["command"]
    if here[0] == "infra.dev.celery":  # the same without the umbrella command
        here = ["celery", "-A", COMMANDS[here[1]][1], *here[1:]]
    assert here[:4] == there[:4]
    for name in ("--pool", "--concurrency", "-Q"):
        if name in here:
            assert option(here, name) == option(there, name)


@pytest.mark.parametrize("commands", [list(LOCAL.values()), [service["command"] for service in SERVICES.values()]])
def test_every_queue_has_a_consumer_and_every_consumer_a_queue(commands: list[list[str]]) -> None:
    consumed = {queue for command in commands if "-Q" in command for queue in option(command, "-Q").split(",")}
    assert consumed == {queue.name for queue in celeryconfig.task_queues}


def test_every_service_has_a_healthcheck_and_starts_after_what_it_needs() -> None:
    for name, service in SERVICES.items():
        assert service["healthcheck"].get("test") or name == "migrate"
        if name not in ("postgres", "redis", "migrate"):
            assert service["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
            assert service["depends_on"]["redis"]["condition"] == "service_healthy"
    assert SERVICES["migrate"]["depends_on"]["postgres"]["condition"] == "service_healthy"


def test_our_services_share_one_image_run_without_privileges_and_see_the_same_files() -> None:
    ours = [service for name, service in SERVICES.items() if name not in ("postgres", "redis")]
    assert len({service["image"] for service in ours}) == 1
    for service in ours:
        assert service["read_only"] and service["cap_drop"] == ["ALL"] and "user" not in service
        assert "data:/data" in service["volumes"]
    used = {mount.partition(":")[0] for service in SERVICES.values() for mount in service.get("volumes", [])}
    assert used == set(COMPOSE["volumes"])


def test_no_secret_has_a_default_and_flower_and_servers_are_not_open_to_the_world() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    used = re.findall(r"\$\{(?:POSTGRES_PASSWORD|FLOWER_BASIC_AUTH|ENCRYPTION_KEYS)[^}]*\}", text)
    assert used and all(":?" in use for use in used)
    assert "FLOWER_BASIC_AUTH" in SERVICES["flower"]["environment"]
    assert all(port.startswith("127.0.0.1:") for port in SERVICES["flower"]["ports"])
    assert "ports" not in SERVICES["postgres"] and "ports" not in SERVICES["redis"]
    assert "--address=127.0.0.1" in LOCAL["flower"]


def test_the_image_is_not_root_has_a_healthcheck_and_all_our_packages() -> None:
    final = DOCKERFILE.rpartition("\nFROM ")[2]
    assert re.search(r"^USER 10001:10001$", final, re.MULTILINE)
    assert "HEALTHCHECK" in final
    assert not re.search(r"gcc|build-essential|apt-get", DOCKERFILE)
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    for package in {package.partition(".")[0] for package in packages}:
        assert f"COPY {package} {package}" in final
        assert f"!{package}" in (ROOT / ".dockerignore").read_text().splitlines()


def test_docker_understands_the_compose_file() -> None:
    docker = shutil.which("docker")
    if not docker or subprocess.run([docker, "compose", "version"], capture_output=True).returncode != 0:
        pytest.skip("docker compose is not installed here; the other tests read the file themselves")
    secrets = {"POSTGRES_PASSWORD": "x", "FLOWER_BASIC_AUTH": "a:b", "ENCRYPTION_KEYS": "x"}
    environment = {"PATH": "/usr/bin:/bin", **secrets}
    result = subprocess.run(
        [docker, "compose", "config", "-q"], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr


def test_make_alone_prints_every_target() -> None:
    shown = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony
    assert re.findall(r"^  make (\w+)", shown, re.MULTILINE) == phony[1].split()


def test_an_old_python_gets_one_sentence() -> None:
    command = ["make", "-B", ".venv/.local-installed", "PYTHON=false"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode != 0
    assert "switchyard: false is no Python 3.11 or later" in result.stderr


def test_the_locks_hold_no_address_and_agree_with_each_other() -> None:
    locked = {
        name: (ROOT / "requirements" / f"{name}.txt").read_text().splitlines() for name in ("base", "local", "dev")
    }
    for lines in locked.values():
        assert all(re.match(r"^[a-z0-9-]+==[\w.+!]+( ; .*)?$", line) for line in lines)
    pins = {name: {line.partition(" ;")[0] for line in lines} for name, lines in locked.items()}
    assert pins["base"] <= pins["local"] <= pins["dev"]
