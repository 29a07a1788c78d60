"""One system for all attacks, and their table at the end of the run."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import asdict
from typing import Any

import pytest

from infra.dev import rabbitmq
from tests.chaos.attack import Attack, Begin
from tests.chaos.plan import BROKER
from tests.chaos.table import LINES, Line, table
from tests.chaos.victim import Victim
from tests.conftest import NewFolder


@pytest.fixture(scope="package")
def victim(new_folder: NewFolder) -> Iterator[Victim]:
    """The system that the attacks are aimed at."""
    if BROKER == "rabbitmq" and not rabbitmq.installed():
        pytest.skip(rabbitmq.MISSING)
    with Victim(new_folder) as running:
        yield running


@pytest.fixture
def attack(victim: Victim) -> Iterator[Begin]:
    """Begins an attack on a promise."""
    with ExitStack() as attacks:
        yield lambda promise, name: attacks.enter_context(closing(Attack(victim, promise, name)))


@pytest.hookimpl(optionalhook=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hands the table's lines over to the process that shows it."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["attacks"] = [asdict(line) for line in LINES]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Takes them over."""
    LINES.extend(Line(**line) for line in getattr(node, "workeroutput", {}).get("attacks", ()))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table, whether or not the run shows its output."""
    if LINES:
        terminalreporter.section("chaos")
        for line in table():
            terminalreporter.write_line(line)
