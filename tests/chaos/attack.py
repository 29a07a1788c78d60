"""One attack: a load, the faults that meet it, and the verdict."""

import re
from collections.abc import Callable

from tests.chaos import audit
from tests.chaos.audit import Findings
from tests.chaos.faults import Faults
from tests.chaos.load import Load
from tests.chaos.table import LINES, Line
from tests.chaos.victim import Victim


class Attack:
    """What a test of a promise holds in its hands."""

    def __init__(self, victim: Victim, promise: int, name: str) -> None:
        self.victim, self.promise, self.name = victim, promise, name
        self.faults = Faults(victim, name)
        self._loads: list[Load] = []
        victim.close_breakers()  # those that the attack before has opened
        self.load = self.another_load("", victim.system.api_key)

    def another_load(self, suffix: str, api_key: str) -> Load:
        """Jobs with another key, or told apart from the others."""
        name = re.sub(r"[^A-Za-z0-9]+", "-", f"{self.promise} {self.name}{suffix}")
        made = Load(self.victim.system.url, api_key, name)
        self._loads.append(made)
        return made

    def close(self) -> None:
        """Closes the users' connections."""
        for load in self._loads:
            load.client.http.close()

    def tell(self, seen: str) -> None:
        """Adds to the table's last line."""
        LINES[-1].seen = seen

    def verdict(self, *, seconds: float = 60.0, seen: str = "", load: Load | None = None) -> Findings:
        """Waits for the end of every job, looks at all of them, writes the table's line, and asserts the zeros.

        `seen` is what else there is to tell.
        """
        load = load or self.load
        audit.settle(self.victim, load, seconds)
        found = audit.audit(self.victim, load)
        faults = ", ".join(f"{count} {what}" for what, count in self.faults.done.items())
        counts = len(found.lost), len(found.duplicated), len(found.doubly_counted)
        LINES.append(Line(self.promise, self.name, len(load.accepted), faults, *counts, seen))
        assert found.nothing(), (found.lost[:5], found.duplicated[:5], found.doubly_counted[:5])
        return found


Begin = Callable[[int, str], Attack]
