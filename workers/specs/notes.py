"""Where something is in a specification, and what is wrong there: warnings, bounded in number."""

from collections import Counter
from typing import Any

Json = dict[str, Any]

MOST_LISTED = 200
MOST_OF_A_CODE = 40
LONGEST_MESSAGE = 500


class At:
    """A place: a document, the URI that references there are relative to, and the steps to a value."""

    __slots__ = ("base", "document", "parent", "step")

    def __init__(self, document: str, base: str, parent: "At | None" = None, step: str = "") -> None:
        self.document, self.base, self.parent, self.step = document, base, parent, step

    def __truediv__(self, step: str) -> "At":
        return At(self.document, self.base, self, step)

    def based(self, base: str) -> "At":
        """The same place, where references are relative to another URI (`$id`)."""
        return At(self.document, base, self.parent, self.step)

    @property
    def steps(self) -> list[str]:
        """From the top of the document."""
        found: list[str] = []
        one: At = self
        while one.parent is not None:
            found.append(one.step)
            one = one.parent
        return found[::-1]

    @property
    def pointer(self) -> str:
        """As a JSON pointer within its document."""
        return "".join(f"/{escaped(step)}" for step in self.steps)


def escaped(step: str) -> str:
    """A step as JSON pointers write it."""
    return step.replace("~", "~0").replace("/", "~1")


class Notes:
    """Warnings in the order in which they were found. All are counted; of one code, and in all, so many are listed.

    `names` has the documents beside the first one, URI to name; a pointer into one of them begins with its name.
    """

    def __init__(self) -> None:
        self.listed: list[Json] = []
        self.counts: Counter[str] = Counter()
        self.names: dict[str, str] = {}
        self._said: set[tuple[str, str, str]] = set()

    @property
    def total(self) -> int:
        """How many there are, listed or not."""
        return self.counts.total()

    def add(self, at: At, code: str, message: str) -> None:
        """Says something of a place, once."""
        if self.counts[code] >= MOST_OF_A_CODE or len(self.listed) >= MOST_LISTED:
            self.counts[code] += 1
            return
        name = self.names.get(at.document, "")
        pointer = f"{name}#{at.pointer}" if name else at.pointer
        if (pointer, code, message) not in self._said:
            self._said.add((pointer, code, message))
            self.counts[code] += 1
            self.listed.append({"pointer": pointer, "code": code, "message": message[:LONGEST_MESSAGE]})
