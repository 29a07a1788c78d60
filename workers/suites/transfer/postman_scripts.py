"""Test scripts of Postman as assertions and extractions: the common patterns are recognised, the rest is reported."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from workers.suites.transfer.postman_assertions import Found, compared, joined, negated, of_response
from workers.suites.transfer.postman_names import used
from workers.suites.transfer.scripts import Node, NotUnderstood, Statement, statements

Json = dict[str, Any]

# Words of chai that only make a sentence of it.
_CHAIN = frozenset((
    "to", "be", "been", "is", "that", "which", "and", "has", "have", "with", "at", "of", "same", "but", "does", "still",
    "also", "deep", "own", "nested", "ordered",
))  # fmt: skip
_EQUAL = frozenset(("eql", "equal", "equals", "eq", "eqls"))
_INCLUDE = frozenset(("include", "includes", "contain", "contains", "string"))
_COMPARE = {
    "below": "less", "lessThan": "less", "lt": "less", "above": "greater", "greaterThan": "greater", "gt": "greater",
    "least": "greater_or_equal", "gte": "greater_or_equal", "most": "less_or_equal", "lte": "less_or_equal",
}  # fmt: skip
_TYPES = frozenset(("string", "number", "boolean", "object", "array", "null"))
_STORES = re.compile(
    r"pm\.(environment|collectionVariables|globals|variables)\.(\w+)|postman\.(set|get|clear)\w+Variable"
)
_SILENT = ("console.", "pm.environment.unset", "pm.collectionVariables.unset", "pm.globals.unset", "pm.variables.unset",
           "postman.clear")  # fmt: skip
_BINARY = {"===": "equals", "==": "equals", "!==": "not_equals", "!=": "not_equals", "<": "less", ">": "greater",
           "<=": "less_or_equal", ">=": "greater_or_equal"}  # fmt: skip


@dataclass(slots=True)
class Translated:
    """What a script became. `left` are lines and texts of what was not translated."""

    asserts: list[Json] = field(default_factory=list)
    extracts: list[Json] = field(default_factory=list)
    left: list[tuple[int, str]] = field(default_factory=list)


def translated(source: str) -> Translated:
    """The assertions and extractions that a test script stands for."""
    made = Translated()
    _Translator(made).all(statements(source))
    return made


def set_before(source: str) -> tuple[Json, list[tuple[int, str]]]:
    """Variables that a pre-request script sets to constants, and what it does beside that."""
    variables: Json = {}
    left: list[tuple[int, str]] = []
    reader = _Translator(Translated())
    for one in statements(source):
        try:
            if one.kind == "expression" and _name(one.node).startswith(_SILENT):
                continue
            if one.kind != "expression":
                raise NotUnderstood
            name, value = reader.stored(one.node)
            # What is put into a place is not looked at again, so that a variable cannot have one.
            if value.kind != "constant" or any(used(value.value)):
                raise NotUnderstood
            variables[name] = value.value
        except NotUnderstood:
            left.append((one.line, one.source))
    return variables, left


def _name(node: Node) -> str:
    """`pm.environment.set` of a chain of names, or of what is called."""
    if node[0] == "call":
        return _name(node[1])
    if node[0] == "member" and isinstance(node[2], str):
        return f"{_name(node[1])}.{node[2]}"
    return str(node[1]) if node[0] == "name" else ""


def _links(node: Node) -> list[tuple[str, list[Node] | None]]:
    """A chain as its links, each with the arguments it is called with."""
    found: list[tuple[str, list[Node] | None]] = []
    while node[0] in ("call", "member", "name"):
        arguments = None
        if node[0] == "call":
            node, arguments = node[1], node[2]
        found.append((str(node[2] if node[0] == "member" else node[1]), arguments))
        if node[0] == "name":
            return found[::-1]
        node = node[1]
    raise NotUnderstood


class _Translator:
    """Goes through the statements of one script; `known` is what its variables mean."""

    def __init__(self, made: Translated) -> None:
        self._made = made
        self._known: dict[str, Node] = {}

    def all(self, found: list[Statement]) -> None:
        """Translates these statements, one after the other."""
        for one in found:
            try:
                self._one(one)
            except (NotUnderstood, RecursionError):
                self._made.left.append((one.line, one.source))

    def _one(self, one: Statement) -> None:
        if one.kind == "declare":
            names = {None: one.name} if isinstance(one.name, str) else one.name
            self._known |= {
                name: one.node if member is None else ("member", one.node, member) for member, name in names.items()
            }
            if not self._is_harmless(one.node):
                raise NotUnderstood
        elif one.kind == "assign" and one.name[0] == "name":
            self._known[one.name[1]] = one.node
            if not self._is_harmless(one.node):
                raise NotUnderstood
        elif one.kind == "assign" and _name(one.name[1]) == "tests":
            self._condition(one.node)
        elif one.kind == "expression":
            self._call(one.node)
        else:
            raise NotUnderstood

    def _is_harmless(self, node: Node) -> bool:
        """Whether nothing is lost where the value of a variable is only used in what is translated."""
        try:
            self.meaning(node)
        except NotUnderstood:
            return node[0] in ("name", "object", "array", "function") or _name(node) in ("require", "pm.response")
        return True

    def _call(self, node: Node) -> None:
        name = _name(node)
        if name.startswith((*_SILENT, "pm.test.skip")):
            return
        if name == "pm.test" and node[0] == "call":
            for argument in node[2][1:]:
                if argument[0] != "function":
                    raise NotUnderstood
                self.all(argument[1])
        elif _STORES.match(name):
            self._extract(*self.stored(node))
        elif name.startswith("pm.response.to."):
            self._response(_links(node)[3:])
        elif name.startswith("pm.expect"):
            links = _links(node)
            if links[1][0] != "expect" or len(links[1][1] or ()) not in (1, 2):
                raise NotUnderstood
            self._made.asserts += _Expectation(self, self.meaning(links[1][1][0]), links[2:]).assertions()  # type: ignore[index]
        else:
            raise NotUnderstood

    def stored(self, node: Node) -> tuple[str, Found]:
        """The name and value that `pm.environment.set(name, value)` has; NotUnderstood for anything else."""
        name = _name(node)
        if not _STORES.match(name) or ".set" not in name or node[0] != "call" or len(node[2]) < 2:
            raise NotUnderstood
        key = self.meaning(node[2][0])
        if key.kind != "constant" or not isinstance(key.value, str):
            raise NotUnderstood
        return key.value, self.meaning(node[2][1])

    def _extract(self, name: str, found: Found) -> None:
        source = {"json": "jsonpath", "header": "header", "cookie": "cookie", "status": "status", "text": "body"}
        if found.kind not in source:
            raise NotUnderstood
        said = {} if found.kind in ("status", "text") else {"expression": found.value}
        self._made.extracts.append({"name": name, "from": source[found.kind], **said})

    def meaning(self, node: Node, depth: int = 0) -> Found:
        """What an expression stands for; raises NotUnderstood."""
        if depth > 20:
            raise NotUnderstood
        kind = node[0]
        if kind == "literal":
            return Found("constant", node[1])
        if kind in ("array", "object", "unary"):
            return Found("constant", self._constant(node, depth))
        name = _name(node)
        if kind == "name":
            if name in ("responseBody", "responseTime"):
                return Found("text" if name == "responseBody" else "time")
            if name not in self._known:
                raise NotUnderstood
            return self.meaning(self._known[name], depth + 1)
        if kind == "call":
            return self._called(node, name, depth)
        if kind == "member":
            return self._member(node, name, depth)
        raise NotUnderstood

    def _called(self, node: Node, name: str, depth: int) -> Found:
        arguments = node[2]
        if name in ("pm.response.json", "pm.response.text") and not arguments:
            return Found("json", "$") if name.endswith("json") else Found("text")
        if name == "JSON.parse" and len(arguments) == 1 and self.meaning(arguments[0], depth + 1).kind == "text":
            return Found("json", "$")
        if name in ("pm.response.headers.get", "postman.getResponseHeader", "pm.cookies.get") and len(arguments) == 1:
            said = self.meaning(arguments[0], depth + 1)
            if said.kind == "constant" and isinstance(said.value, str):
                return Found("cookie" if "cookies" in name else "header", said.value)
        stored = _STORES.match(name)
        if stored and (stored[2] == "get" or stored[3] == "get") and len(arguments) == 1:
            said = self.meaning(arguments[0], depth + 1)
            if said.kind == "constant" and isinstance(said.value, str):
                return Found("constant", f"{{{{{said.value}}}}}")
        raise NotUnderstood

    def _member(self, node: Node, name: str, depth: int) -> Found:
        if name in ("pm.response.code", "responseCode.code"):
            return Found("status")
        if name in ("pm.response.responseTime", "pm.response.responseSize"):
            return Found("time" if name.endswith("Time") else "size")
        above, key = self.meaning(node[1], depth + 1), node[2]
        if above.kind != "json" or isinstance(key, tuple):
            raise NotUnderstood
        if key == "length":
            return Found("length", above.value)
        return Found("json", joined(above.value, key))

    def _constant(self, node: Node, depth: int) -> Any:
        if depth > 20:
            raise NotUnderstood
        if node[0] == "array":
            return [self._constant(one, depth + 1) for one in node[1]]
        if node[0] == "object":
            return {name: self._constant(one, depth + 1) for name, one in node[1].items()}
        if node[0] == "unary" and node[1] in "-+" and node[2][0] == "literal" and isinstance(node[2][1], int | float):
            return -node[2][1] if node[1] == "-" else node[2][1]
        found = self.meaning(node, depth + 1) if node[0] != "unary" else None
        if found is None or found.kind != "constant":
            raise NotUnderstood
        return found.value

    def _condition(self, node: Node) -> None:
        """What `tests["…"] = …` demands to be true."""
        if node[0] == "binary" and node[1] == "&&":
            self._condition(node[2])
            self._condition(node[3])
        elif node[0] == "binary" and node[1] in _BINARY:
            expected = self.meaning(node[3])
            if expected.kind != "constant":
                raise NotUnderstood
            self._made.asserts.append(compared(self.meaning(node[2]), _BINARY[node[1]], expected.value))
        elif _name(node) == "responseBody.has" and len(node[2]) == 1:
            self._made.asserts.append(compared(Found("text"), "contains", self.meaning(node[2][0]).value))
        else:
            raise NotUnderstood

    def _response(self, links: list[tuple[str, list[Node] | None]]) -> None:
        """`pm.response.to.have.status(200)` and its like."""
        is_negated = any(name == "not" for name, _ in links)
        name, arguments = links[-1]
        values = [self.meaning(one) for one in arguments or ()]
        if any(one.kind != "constant" for one in values) or len(links) > 4:
            raise NotUnderstood
        made = of_response(name, [one.value for one in values])
        self._made.asserts.append(negated(made) if is_negated else made)


class _Expectation:
    """A sentence of chai about one thing."""

    def __init__(self, reader: _Translator, subject: Found, links: list[tuple[str, list[Node] | None]]) -> None:
        self._reader, self._subject, self._links = reader, subject, links
        self._negated = False

    def assertions(self) -> list[Json]:
        """What it demands."""
        found: list[Json] = []
        for name, arguments in self._links:
            if arguments is None and name in _CHAIN:
                continue
            if arguments is None and name == "not":
                self._negated = True
                continue
            found += self._word(name, arguments)
        if not found:
            raise NotUnderstood
        return found

    def _word(self, name: str, arguments: list[Node] | None) -> Iterator[Json]:
        if name == "match" and arguments and arguments[0][0] == "regex":
            _, pattern, flags = arguments[0]
            yield self._made("matches", f"(?i){pattern}" if "i" in flags else pattern)
            return
        values = []
        for one in arguments or ():
            meant = self._reader.meaning(one)
            if meant.kind != "constant":
                raise NotUnderstood
            values.append(meant.value)
        yield from self._said(name, values)

    def _said(self, name: str, values: list[Any]) -> Iterator[Json]:
        match name, values:
            case _, [value, *_] if name in _EQUAL:
                yield self._made("equals", value)
            case "oneOf", [list() as choices, *_]:
                yield self._made("one_of", choices)
            case _, [value, *_] if name in _INCLUDE:
                yield self._made("contains", value)
            case _, [int() | float() as value, *_] if name in _COMPARE:
                yield self._made(_COMPARE[name], value)
            case "within", [low, high, *_]:
                yield self._made("greater_or_equal", low)
                yield self._made("less_or_equal", high)
            case "a" | "an", [str() as kind, *_] if kind in _TYPES:
                yield self._made("type", kind)
            case "property", [str() as key, *more]:
                yield from self._property(key, more)
            case "length" | "lengthOf", [int() as value]:
                yield self._made("length", value)
            case _, []:
                operator, value = _single(name)
                yield self._made(operator, value)
            case _:
                raise NotUnderstood

    def _property(self, key: str, more: list[Any]) -> Iterator[Json]:
        if self._subject.kind != "json":
            raise NotUnderstood
        self._subject = Found("json", joined(self._subject.value, key))
        yield self._made("equals", more[0]) if more else self._made("exists")

    def _made(self, operator: str, expected: Any = None) -> Json:
        made = compared(self._subject, operator, expected)
        return negated(made) if self._negated else made


def _single(name: str) -> tuple[str, Any]:
    """Words that compare with nothing: `true`, `null`, `exist`, `empty`."""
    words: dict[str, tuple[str, Any]] = {
        "true": ("equals", True), "false": ("equals", False), "null": ("equals", None), "exist": ("exists", None),
        "exists": ("exists", None), "undefined": ("not_exists", None), "empty": ("empty", None),
    }  # fmt: skip
    if name not in words:
        raise NotUnderstood
    return words[name]
