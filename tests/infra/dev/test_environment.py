"""What people set, and what they are told when it cannot be."""

import base64
import os
import re
import socket
from pathlib import Path

import pytest

from infra.dev import environment as env
from infra.dev.folder import Folder
from infra.dev.ports import require_free
from infra.dev.problem import Problem


def test_nothing_set_means_the_embedded_servers_on_the_usual_ports() -> None:
    options = env.options({})
    assert (options.port, options.flower_port, options.io_workers) == (8000, 5555, 2)
    assert options.data == env.ROOT / ".local"
    assert options.database_url is options.redis_url is options.broker_url is None


@pytest.mark.parametrize("value", ["abc", "0", "-1", "70000", "8000 ", "٣"])
def test_a_bad_port_is_named(value: str) -> None:
    with pytest.raises(Problem, match="PORT must be a whole number from 1 to 65535"):
        env.options({"PORT": value})


def test_the_broker_is_redis_unless_rabbitmq_is_asked_for_and_nothing_else_is_one() -> None:
    assert (env.options({}).broker, env.options({"BROKER": "rabbitmq"}).broker) == ("redis", "rabbitmq")
    with pytest.raises(Problem, match="BROKER must be redis or rabbitmq, not 'kafka'"):
        env.options({"BROKER": "kafka"})


def test_a_taken_port_names_its_holder_and_a_way_out() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Problem, match=rf"port {port} is taken by process {os.getpid()} \(.*\).*PORT={port + 1}"):
            require_free(port, setting="PORT")
    require_free(port, setting="PORT")


def test_dev_env_is_private_and_survives_a_round_trip(tmp_path: Path) -> None:
    file = tmp_path / "dev.env"
    file.write_text("OLD=1\n")
    file.chmod(0o644)
    env.write_file(file, {"SWITCHYARD_API_KEY": "sy_live_a=b", "DATABASE_URL": "postgresql://a@/b?host=/c d"})
    assert file.stat().st_mode & 0o777 == 0o600
    assert env.read_file(file) == {"SWITCHYARD_API_KEY": "sy_live_a=b", "DATABASE_URL": "postgresql://a@/b?host=/c d"}


def test_the_key_and_flowers_password_outlive_a_restart_but_server_addresses_do_not(tmp_path: Path) -> None:
    file = tmp_path / "dev.env"
    first = env.kept(file)
    assert len(first["FLOWER_PASSWORD"]) >= 16
    assert len(base64.b64decode(first["ENCRYPTION_KEYS"])) == 32
    env.write_file(file, {**first, "SWITCHYARD_API_KEY": "k", "REDIS_URL": "redis://gone"})
    assert env.kept(file) == {**first, "SWITCHYARD_API_KEY": "k"}


def test_comments_quotes_and_export_in_an_env_file(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("# A=1\n\nexport B='two words'\nC=\"3\"\nnonsense\n")
    assert env.read_file(file) == {"B": "two words", "C": "3"}
    assert env.read_file(tmp_path / "absent") == {}


def test_a_folder_that_cannot_be_written_is_named_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Problem, match=r"cannot write to .*/file/data \(Not a directory\); set SWITCHYARD_DATA"):
        Folder(tmp_path / "file" / "data").claim()


def test_env_example_shows_every_setting_with_its_default() -> None:
    source = (env.ROOT / "infra" / "settings.py").read_text()
    example = (env.ROOT / ".env.example").read_text()
    shown = dict(re.findall(r"^# ([A-Z0-9_]+)=(.*)$", example, re.MULTILINE))
    assert len(shown) == len(re.findall(r"^# [A-Z0-9_]+=", example, re.MULTILINE)), "shown twice"
    for name, default in re.findall(r'env\.\w+\(\s*"([A-Z0-9_]+)"(?:,\s*([^)]*))?\)', source):
        assert name in shown, f".env.example does not show {name}"
        value = eval(default, {"redis_url": ""}) if default else ""
        value = "" if value in (None, {}) else str(value).lower() if isinstance(value, bool) else value
        assert shown[name] == str(value) or float(shown[name]) == value, f"{name} has the default {value!r}"
    for provider in re.findall(r'"(\w+)"', source.partition("PROVIDERS = (")[2].partition(")")[0]):
        assert {f"{provider.upper()}_API_KEY", f"{provider.upper()}_BASE_URL"} <= shown.keys()
