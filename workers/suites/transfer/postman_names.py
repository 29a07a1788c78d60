"""Names and places of Postman in ours: what is a variable, what is a secret, and what Postman makes up itself."""

import re
from collections.abc import Iterator
from typing import Any

from schemas.environment import SHORTEST_SECRET
from schemas.templated import LONGEST_NAME
from workers.suites.steps import templates
from workers.suites.transfer.imported import Imported

Json = dict[str, Any]

SECRET = re.compile(
    r".*(token|passw(or)?d|passphrase|secret|api[-_ ]?key|access[-_ ]?key|private[-_ ]?key|jwt|bearer|credential).*",
    re.I,
)
_PLACE = re.compile(r"\{\{([^{}\n]{1,200})\}\}")
_OPENING = re.compile(r"\{\{(?![^{}\n]{1,200}\}\})")
_NO_LETTER = re.compile(r"[^A-Za-z0-9_]")
_MADE_UP = {
    "$guid": "{{$uuid}}", "$randomUUID": "{{$uuid}}", "$timestamp": "{{$timestamp}}", "$isoTimestamp": "{{$now}}",
    "$randomInt": "{{$random_int}}", "$randomAlphaNumeric": "{{$random_text}}", "$randomPassword": "{{$random_text}}",
    "$randomWord": "{{$random_text}}", "$randomUserName": "{{$random_text}}", "$randomBankAccount": "{{$random_int}}",
    "$randomEmail": "{{$random_text}}@example.com", "$randomExampleEmail": "{{$random_text}}@example.com",
    "$randomUrl": "https://example.com/{{$random_text}}", "$randomDomainName": "{{$random_text}}.example.com",
    "$randomDateFuture": "{{$now+30d}}", "$randomDatePast": "{{$now-30d}}", "$randomDateRecent": "{{$now-1d}}",
}  # fmt: skip


def used(value: Any) -> Iterator[str]:
    """The names in the places of all texts of a value, as Postman has them."""
    if isinstance(value, str):
        yield from (name.strip() for name in _PLACE.findall(value))
    elif isinstance(value, dict):
        for inner in value.values():
            yield from used(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from used(inner)


class Names:
    """What the names of one collection become."""

    def __init__(self, found: Imported) -> None:
        self._found = found
        self._ours: dict[str, str] = {}
        self._said: set[str] = set()
        # By Postman's name: those that an environment keeps sealed.
        self.secrets: set[str] = set()

    def ours(self, name: str) -> str:
        """A name that templates can use; always another one for another name."""
        name = name.strip()
        if name not in self._ours:
            plain = _NO_LETTER.sub("_", name)[: LONGEST_NAME - 4] or "_"
            plain = f"_{plain}" if plain[0].isdigit() else plain
            made, number = plain, 2
            while made in self._ours.values():
                made, number = f"{plain}_{number}", number + 1
            self._ours[name] = made
        return self._ours[name]

    def text(self, text: str, place: str) -> str:
        """The text with our places; a `{{` that Postman would leave alone is plain text."""
        if "{{" not in text:
            return text
        return _PLACE.sub(lambda found: self._place(found[1].strip(), place), _OPENING.sub(r"\\{{", text))

    def value(self, value: Any, place: str) -> Any:
        """The same for all texts of a JSON value."""
        if isinstance(value, str):
            return self.text(value, place)
        if isinstance(value, dict):
            return {key: self.value(inner, place) for key, inner in value.items()}
        return [self.value(inner, place) for inner in value] if isinstance(value, list) else value

    def _place(self, name: str, place: str) -> str:
        if name.startswith("$"):
            if name not in _MADE_UP and name not in self._said:
                self._said.add(name)
                self._found.warn(place, f"{{{{{name}}}}} of Postman is replaced by a random text.")
            return _MADE_UP.get(name, "{{$random_text}}")
        scope = "secret." if name in self.secrets else ""
        return f"{{{{{scope}{self.ours(name)}}}}}"

    def secret(self, value: Any, called: str, place: str) -> str:
        """The place for a secret that stands in the file: its value goes into the environment, sealed."""
        text = value if isinstance(value, str) else ""
        if _PLACE.search(text):
            return self.text(text, place)
        name = self.ours(called)
        for number in range(2, 1000):
            if self._found.secrets.get(name, text) == text:
                break
            name = self.ours(f"{called}_{number}")
        if len(text) >= SHORTEST_SECRET:
            self._found.secrets[name] = text
        elif name not in self._said:
            self._said.add(name)
            why = "has no value in the file" if not text else f"is shorter than {SHORTEST_SECRET} characters"
            self._found.warn(place, f"The secret {name} {why}; give the environment one of that name.")
        return f"{{{{secret.{name}}}}}"


def plain(text: str) -> str:
    """A template that gives just that text."""
    return templates.escaped(text)
