"""What is read from somebody else's file of tests: case bodies, and the suite and environment around them."""

from dataclasses import dataclass, field
from typing import Any

from infra.errors import BadInput

Json = dict[str, Any]

MOST_CASES = 5000
MOST_WARNINGS = 200
LONGEST_MESSAGE = 500
LONGEST_NAME = 200


@dataclass(slots=True)
class Imported:
    """Cases in the order in which a suite runs them; `places` are the JSON pointers of where each was read.

    `suite` is a suite's variables, setup and teardown, name and tags as far as the file has them; `environment` has
    base_url, variables, auth and default_auth. `secrets` are values by name: they go into an environment, sealed, and
    nowhere else. `more_warnings` counts those that are not listed.
    """

    cases: list[Json] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    suite: Json = field(default_factory=dict)
    environment: Json = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    warnings: list[Json] = field(default_factory=list)
    more_warnings: int = 0

    def add(self, case: Json, place: str) -> None:
        """One more case; raises BadInput where there are too many."""
        if len(self.cases) >= MOST_CASES:
            raise refused(place, f"There are more than {MOST_CASES:,} cases; import them in several files.")
        self.cases.append(case)
        self.places.append(place)

    def warn(self, place: str, message: str) -> None:
        """Says what was not taken over, and where it stands."""
        if len(self.warnings) >= MOST_WARNINGS:
            self.more_warnings += 1
            return
        self.warnings.append({"pointer": place, "message": message[:LONGEST_MESSAGE]})


def refused(place: str, detail: str) -> BadInput:
    """The refusal of one place of the file."""
    return BadInput(f"The file cannot be imported: {detail}", errors=[{"pointer": place, "detail": detail}])
