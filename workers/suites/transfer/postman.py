"""Collections of Postman (2.0 and 2.1), and its environments, as test cases.

A request is a case, in the order of the collection, with its folders as tags. Requests that hand values on to each
other (`pm.environment.set` in one, `{{name}}` in a later one) are steps of one case; one that only gets a token is a
setup step of those that use it. Variables are the suite's; ways to authenticate, and what is secret, the environment's.

Scripts are read and never run (scripts.py, postman_scripts.py); what they do beyond the common patterns is a warning
that names the request and the line.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from schemas.step import MOST_ASSERTIONS, MOST_STEPS
from workers.suites.transfer.imported import LONGEST_NAME, MOST_CASES, Imported, refused
from workers.suites.transfer.postman_auth import Auths, credentials_used
from workers.suites.transfer.postman_names import SECRET, Names, used
from workers.suites.transfer.postman_request import REDIRECTS, Requests
from workers.suites.transfer.postman_scripts import Translated, set_before, translated

Json = dict[str, Any]

DEEPEST = 30
LONGEST_TAG = 100
MOST_SCRIPT = 1_000_000
_BASE = re.compile(r"\{\{([^{}\n]{1,200})\}\}(?=/|$)")
_BASE_NAME = re.compile(
    r"(base|api|server|service|root)?[-_ ]?(url|uri|host|domain|server|endpoint|address|base|api)", re.I
)
_SESSION = re.compile(r".*(token|jwt|session|auth|bearer|csrf|xsrf|cookie|ticket|api[-_]?key|secret).*", re.I)


@dataclass(slots=True)
class _Request:
    """A request, where it stands and what is around it."""

    item: Json
    place: str
    folders: tuple[str, ...]
    auth: Any
    is_default: bool
    tests: list[tuple[str, str]]
    before: list[tuple[str, str]]
    step: Json = field(default_factory=dict)
    variables: Json = field(default_factory=dict)
    sets: set[str] = field(default_factory=set)
    uses: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        """What a person calls it."""
        return " ".join(str(self.item.get("name") or "Request").split())[:LONGEST_NAME] or "Request"


def is_postman(value: Any) -> bool:
    """Whether a parsed file is one of Postman's."""
    if not isinstance(value, dict):
        return False
    inner = value.get("collection", value)
    is_collection = isinstance(inner, dict) and isinstance(inner.get("item"), list) and "tests" not in inner
    is_environment = isinstance(value.get("values"), list) and "tests" not in value
    return is_collection or is_environment or ("requests" in value and "order" in value)


def read(value: Any) -> Imported:
    """The cases of a collection, or the variables of an environment; raises BadInput for anything else."""
    if isinstance(value, dict) and isinstance(value.get("collection"), dict):
        value = value["collection"]
    if isinstance(value, dict) and isinstance(value.get("values"), list) and "item" not in value:
        return _environment(value)
    if not isinstance(value, dict) or not isinstance(value.get("item"), list):
        version_1 = isinstance(value, dict) and "requests" in value
        hint = "This is version 1; export the collection as version 2.1." if version_1 else "It has no `item`."
        raise refused("", f"This is no Postman collection of version 2. {hint}")
    return _Collection(value).read()


def _environment(value: Json) -> Imported:
    found = Imported()
    names = Names(found)
    found.environment = {"name": str(value.get("name") or "Postman")[:LONGEST_NAME]}
    variables = found.environment["variables"] = {}
    for number, one in enumerate(value["values"]):
        if isinstance(one, dict) and one.get("key") and one.get("enabled", True):
            name, said = str(one["key"]), one.get("value")
            if one.get("type") == "secret" or (SECRET.fullmatch(name) and said):
                names.secrets.add(name)
                names.secret(said, name, f"/values/{number}")
            else:
                variables[names.ours(name)] = said
    return found


class _Collection:
    """One collection on its way."""

    def __init__(self, value: Json) -> None:
        self._value = value
        self._found = Imported()
        self._names = Names(self._found)
        self._auths = Auths(self._found, self._names)
        self._requests = Requests(self._found, self._names)
        self._translated: dict[str, Translated] = {}
        self._left = MOST_SCRIPT

    def read(self) -> Imported:
        """Everything that is in it."""
        info = self._value.get("info") if isinstance(self._value.get("info"), dict) else {}
        found = self._found
        found.suite = {"name": str((info or {}).get("name") or "Postman")[:LONGEST_NAME]}
        description = _text_of((info or {}).get("description"))
        found.suite |= {"description": description[:10_000]} if description else {}
        listed = list(self._listed(self._value, "", (), None, [], [], 0))
        self._variables(listed)
        default = self._auths.named(self._value.get("auth"), "/auth")
        made = [one for one in listed if self._make(one)]
        if default:
            found.environment["default_auth"] = default
        self._base_url(made)
        if self._auths.by_name:
            found.environment["auth"] = self._auths.by_name
        for group, setup in _grouped(made):
            self._add(group, setup)
        self._say_what_checks_nothing(made)
        return found

    def _listed(self, node: Json, place: str, folders: tuple[str, ...], auth: Any, tests: list[tuple[str, str]],
                before: list[tuple[str, str]], depth: int) -> Iterator[_Request]:  # fmt: skip
        """The requests below a folder, with what they inherit."""
        if depth > DEEPEST:
            raise refused(place, f"Folders are nested more than {DEEPEST} deep.")
        if node.get("auth") is not None and depth:
            auth = node["auth"]
        tests = [*tests, *_scripts(node, "test", place)]
        before = [*before, *_scripts(node, "prerequest", place)]
        if "item" not in node:
            request = node.get("request")
            own = request.get("auth") if isinstance(request, dict) else None
            effective = own if own is not None else auth
            yield _Request(node, place, folders, effective, effective is None, tests, before)
            return
        for number, item in enumerate(node["item"] if isinstance(node["item"], list) else ()):
            at = f"{place}/item/{number}"
            if not isinstance(item, dict):
                self._found.warn(at, "This is neither a folder nor a request.")
                continue
            inner = folders if not depth else (*folders, str(node.get("name") or "folder"))
            yield from self._listed(item, at, inner, auth, tests, before, depth + 1)

    def _variables(self, listed: list[_Request]) -> None:
        """What is a variable, and what is a secret: by its type, its name, or because one authenticates with it."""
        if len(listed) > MOST_CASES:
            raise refused("/item", f"The collection has more than {MOST_CASES:,} requests.")
        for one in listed:
            one.sets = {each["name"] for _, source in one.tests for each in self._of(source).extracts}
        is_set = {name for one in listed for name in one.sets}
        said = self._value.get("variable") if isinstance(self._value.get("variable"), list) else []
        given = {
            str(one.get("key") or one.get("id")): one
            for one in said or ()
            if isinstance(one, dict) and not one.get("disabled")
        }
        credentials = credentials_used(self._value.get("auth")).union(*(credentials_used(one.auth) for one in listed))
        for name, variable in given.items():
            literal = isinstance(variable.get("value"), str) and variable["value"] and not any(used(variable["value"]))
            if variable.get("type") == "secret" or (SECRET.fullmatch(name) and literal):
                credentials.add(name)
        self._names.secrets = credentials - is_set
        variables = {}
        for number, (name, variable) in enumerate(given.items()):
            if name in self._names.secrets:
                self._names.secret(variable.get("value"), name, f"/variable/{number}")
            elif name not in is_set or not SECRET.fullmatch(name):
                variables[self._names.ours(name)] = self._names.value(variable.get("value"), f"/variable/{number}")
        for name in sorted(self._names.secrets - given.keys()):
            self._found.warn(
                "/variable", f"The environment needs a secret {self._names.ours(name)}; it has no value here."
            )
        if variables:
            self._found.suite["variables"] = variables

    def _of(self, source: str) -> Translated:
        if source not in self._translated:
            self._left -= len(source)
            self._translated[source] = (
                translated(source) if self._left >= 0 else Translated(left=[(1, "the script: there are too many")])
            )
        return self._translated[source]

    def _make(self, one: _Request) -> bool:
        """Makes the step of a request; False where there is none."""
        request = one.item.get("request")
        step = self._requests.step(request, f"{one.place}/request")
        if step is None:
            return False
        one.uses = set(used(request)) | set(used((self._value.get("auth") if one.is_default else one.auth) or {}))
        behaviour = one.item.get("protocolProfileBehavior")
        if not isinstance(behaviour, dict) or behaviour.get("followRedirects", True):
            step["redirects"] = REDIRECTS
        auth = None if one.is_default else self._auths.named(one.auth, f"{one.place}/request/auth")
        if auth is not None:
            step["auth"] = auth
        self._test(one, step)
        for place, source in one.before:
            self._before(one, place, source)
        one.step = step
        return True

    def _test(self, one: _Request, step: Json) -> None:
        asserts: list[Json] = []
        extracts: dict[str, Json] = {}
        for place, source in one.tests:
            made = self._of(source)
            one.uses |= set(used(made.asserts))
            asserts += [each for each in self._names.value(made.asserts, place) if each not in asserts]
            for each in made.extracts:
                name = self._names.ours(each["name"])
                extracts[name] = {**each, "name": name, **({"secret": True} if SECRET.fullmatch(name) else {})}
            self._say_what_is_left(one, place, made.left, "test")
        if len(asserts) > MOST_ASSERTIONS:
            self._found.warn(one.place, f"Only the first {MOST_ASSERTIONS} of its assertions are taken.")
        step |= {"extract": list(extracts.values())} if extracts else {}
        step |= {"assert": asserts[:MOST_ASSERTIONS]} if asserts else {}

    def _before(self, one: _Request, place: str, source: str) -> None:
        self._left -= len(source)
        variables, left = set_before(source) if self._left >= 0 else ({}, [(1, "the script: there are too many")])
        for name, value in variables.items():
            one.variables[self._names.ours(name)] = self._names.value(value, place)
        self._say_what_is_left(one, place, left, "pre-request")

    def _say_what_is_left(self, one: _Request, place: str, left: list[tuple[int, str]], script: str) -> None:
        for line, text in left:
            self._found.warn(
                f"{place}/exec/{line - 1}",
                f"{one.name!r}, line {line} of its {script} script is not taken over: {text}",
            )

    def _base_url(self, made: list[_Request]) -> None:
        """A variable that most URLs begin with is the environment's base_url."""
        begins = [found for one in made if (found := _BASE.match(one.step["url"])) and _BASE_NAME.fullmatch(found[1])]
        if not begins:
            return
        name = Counter(found[1] for found in begins).most_common(1)[0][0]
        variables = self._found.suite.get("variables", {})
        value = variables.get(name)
        if isinstance(value, str) and value.strip():
            value = value.strip() if "://" in value or value.startswith("{{") else f"https://{value.strip()}"
            self._found.environment["base_url"] = value
        else:
            self._found.warn("/variable", f"{{{{{name}}}}} has no value here; give the environment a base_url.")
        start = f"{{{{{name}}}}}"
        for one in made:
            if one.step["url"].startswith(start):
                one.step["url"] = one.step["url"].removeprefix(start) or "/"
        if start not in str([one.step for one in made]):
            variables.pop(name, None)

    def _add(self, group: list[_Request], setup: list[_Request]) -> None:
        first, last = group[0], group[-1]
        steps = [{**one.step, **({"name": one.name} if len(group) > 1 else {})} for one in group]
        tags = list(
            dict.fromkeys(folder.strip()[:LONGEST_TAG] for one in group for folder in one.folders if folder.strip())
        )
        description = (
            _text_of(first.item["request"].get("description")) if isinstance(first.item.get("request"), dict) else ""
        )
        name = first.name if len(group) == 1 else f"{first.name[:90]} … {last.name[:90]}"
        variables = {name: value for one in [*setup, *group] for name, value in one.variables.items()}
        case: Json = {"name": name, "tags": tags[:50], "steps": steps}
        case |= {"description": description[:10_000]} if description else {}
        case |= {"variables": variables} if variables else {}
        case |= {"setup": [{**one.step, "name": one.name} for one in setup]} if setup else {}
        self._found.add(case, first.place)

    def _say_what_checks_nothing(self, made: list[_Request]) -> None:
        count = sum(not one.step.get("assert") for one in made)
        if count:
            self._found.warn(
                "",
                f"{count} of {len(made)} requests have no test that was taken over; their cases check nothing.",
            )


def _scripts(node: Json, listen: str, place: str) -> list[tuple[str, str]]:
    """The scripts of a folder or request, each with its place."""
    found = []
    for number, event in enumerate(node["event"] if isinstance(node.get("event"), list) else ()):
        script = event.get("script") if isinstance(event, dict) and event.get("listen") == listen else None
        said = script.get("exec") if isinstance(script, dict) else None
        text = "\n".join(map(str, said)) if isinstance(said, list) else said
        if isinstance(text, str) and text.strip() and not event.get("disabled"):
            found.append((f"{place}/event/{number}/script", text))
    return found


def _text_of(description: Any) -> str:
    said = description.get("content") if isinstance(description, dict) else description
    return said if isinstance(said, str) else ""


def _grouped(made: list[_Request]) -> Iterator[tuple[list[_Request], list[_Request]]]:
    """Requests that belong into one case, with those whose token they need, in the order of the collection."""
    group, setup = list(range(len(made))), [set[int]() for _ in made]
    setter: dict[str, int] = {}

    def root(one: int) -> int:
        while group[one] != one:
            one = group[one]
        return one

    for number, one in enumerate(made):
        for earlier in {setter[name] for name in one.uses if name in setter}:
            handed = made[earlier].sets & one.uses
            if all(_SESSION.fullmatch(name) for name in handed) and root(earlier) == earlier and not setup[earlier]:
                setup[number].add(earlier)
            else:
                low, high = sorted((root(earlier), root(number)))
                group[high] = low
        setter |= dict.fromkeys(one.sets, number)
    members: dict[int, list[int]] = {}
    for number in range(len(made)):
        members.setdefault(root(number), []).append(number)
    for numbers in members.values():
        needed = sorted({one for number in numbers for one in setup[number]} - set(numbers))
        for at in range(0, len(numbers), MOST_STEPS):
            yield [made[one] for one in numbers[at : at + MOST_STEPS]], [made[one] for one in needed[:MOST_STEPS]]
