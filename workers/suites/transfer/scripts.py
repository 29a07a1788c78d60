"""The part of JavaScript that tests in Postman are written in, as a tree. Nothing of it is ever run.

Expressions are tuples that begin with what they are:

    ("literal", value) ("name", text) ("member", object, key) ("call", callee, arguments) ("regex", pattern, flags)
    ("array", items) ("object", items by name) ("function", statements) ("unary", operator, operand)
    ("binary", operator, left, right) ("template", text with places)

A statement is a Statement; what is beyond this (conditions, loops, classes) has `kind` `unknown` and is passed over as
a whole.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Node = tuple[Any, ...]

LONGEST = 30_000
DEEPEST = 40
MOST_MEMBERS = 100
_TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*|/\*.*?\*/)
    |(?P<number>0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    |(?P<name>[A-Za-z_$][\w$]*)
    |(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`)
    |(?P<mark>===|!==|=>|==|!=|<=|>=|&&|\|\||\?\.|\?\?|\+\+|--|\+=|\.\.\.|[-+*/%<>=!?:;,.(){}\[\]&|^~@\#])""",
    re.VERBOSE | re.DOTALL,
)
_REGEX = re.compile(r"/((?:[^/\\\[\n]|\\.|\[(?:[^\]\\\n]|\\.){0,200}\]){1,500})/([a-z]*)")
_BLOCKS = frozenset(
    ("if", "for", "while", "do", "try", "switch", "function", "class", "return", "throw", "async", "import", "export")
)
# A line that begins, or ends, with one of these is not a statement's last.
_GO_ON = ("else", "catch", "finally", ".", "?.", "{", "=", "&&", "||", "?", ":", "+")
_GO_ON_AFTER = (",", "=", "=>", "else", "&&", "||", "?", ":", "+", ".", "(")
_WORDS = {"true": True, "false": False, "null": None, "undefined": None}
_BINDING = {"||": 1, "??": 1, "&&": 2, "===": 3, "!==": 3, "==": 3, "!=": 3, "<": 4, ">": 4, "<=": 4, ">=": 4,
            "+": 5, "-": 5}  # fmt: skip
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0", "\n": ""}
_ESCAPE = re.compile(r"\\(?:u\{([0-9a-fA-F]{1,6})\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))", re.DOTALL)


class NotUnderstood(Exception):
    """This is beyond what is read here."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word of the script; `line` counts from 1, `at` is where it begins."""

    kind: str
    text: str
    line: int
    at: int
    value: Any = None


@dataclass(frozen=True, slots=True)
class Statement:
    """`kind` is declare (`name`, or names by the member of `node` that they are), expression (`node`), assign (where
    `name` is the target's node) or unknown."""

    kind: str
    line: int
    source: str
    node: Node = ()
    name: Any = None


def statements(source: str) -> list[Statement]:
    """The statements of a script, in order."""
    if len(source) > LONGEST:
        return [Statement("unknown", 1, f"the whole script: it is longer than {LONGEST:,} characters")]
    try:
        return _Reader(source, list(_tokens(source))).whole()
    except (NotUnderstood, RecursionError):
        return [Statement("unknown", 1, "the whole script: it cannot be read")]


def _tokens(source: str) -> Iterator[Token]:
    at, line, before = 0, 1, ""
    while at < len(source):
        found = _REGEX.match(source, at) if source[at] == "/" and _regex_may_begin(before) else None
        if found is not None and source[at : at + 2] not in ("//", "/*"):
            yield Token("regex", found[0], line, at, ("regex", found[1], found[2]))
            before = "regex"
        else:
            found = _TOKEN.match(source, at)
            if found is None:
                raise NotUnderstood
            kind = str(found.lastgroup)
            if kind != "space":
                yield Token(kind, found[0], line, at, _value(kind, found[0]))
                before = found[0] if kind in ("mark", "name") else kind
        line += found[0].count("\n")
        at = found.end()
    yield Token("end", "", line, at)


def _regex_may_begin(before: str) -> bool:
    return before in ("", "(", ",", "=", ":", "[", "!", "&&", "||", "?", "{", "}", ";", "return", "=>")


def _value(kind: str, text: str) -> Any:
    if kind == "number":
        number = int(text, 16) if text[:2].lower() == "0x" else float(text)
        return int(number) if number == int(number) and abs(number) < 2**63 else number
    if kind == "text":
        return _ESCAPE.sub(_unescaped, text[1:-1])
    return None


def _unescaped(found: re.Match[str]) -> str:
    code = found[1] or found[2] or found[3]
    if code is None:
        return _ESCAPES.get(found[4], found[4])
    number = int(code, 16)
    return chr(number) if number < 0x110000 and not 0xD800 <= number < 0xE000 else "\ufffd"


class _Reader:
    """Reads statements and expressions from the tokens of a script."""

    def __init__(self, source: str, tokens: list[Token]) -> None:
        self._source, self._tokens = source, tokens
        self._at = 0
        # What is not understood is read again by whatever is around it; that ends somewhere.
        self._patience = 3 * len(tokens) + 1000

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _is(self, *marks: str) -> bool:
        return self._next.kind in ("mark", "name") and self._next.text in marks

    def _take(self, *marks: str) -> bool:
        if self._is(*marks):
            self._at += 1
            return True
        return False

    def _need(self, mark: str) -> None:
        if not self._take(mark):
            raise NotUnderstood

    def whole(self) -> list[Statement]:
        """The statements of the script, also behind braces that nothing opens."""
        found = self.block(0)
        while self._next.kind != "end":
            found.append(Statement("unknown", self._next.line, "}"))
            self._at += 1
            found += self.block(0)
        return found

    def block(self, depth: int) -> list[Statement]:
        """Statements up to the end, or to the brace that closes the block."""
        found: list[Statement] = []
        while self._next.kind != "end" and not self._is("}"):
            if self._take(";"):
                continue
            begun = self._at
            try:
                if depth > DEEPEST or self._is(*_BLOCKS):
                    raise NotUnderstood
                found.append(self._statement(depth))
            except NotUnderstood:
                found.append(self._passed_over(begun))
        return found

    def _statement(self, depth: int) -> Statement:
        first, kind = self._next, "expression"
        name: Any = None
        if self._take("var", "let", "const"):
            kind, name = "declare", self._declared()
            if isinstance(name, str) and not self._is("="):
                return Statement(kind, first.line, self._said(first), ("literal", None), name)
            self._need("=")
        node = self._expression(depth + 1)
        if kind == "expression" and self._take("="):
            kind, name, node = "assign", node, self._expression(depth + 1)
        if not (self._take(";") or self._is("}") or self._next.kind == "end" or self._begins_a_line()):
            raise NotUnderstood
        return Statement(kind, first.line, self._said(first), node, name)

    def _declared(self) -> str | dict[str, str]:
        """The name that is declared, or of `{a, b: c}` the names by the member that they are."""
        if self._next.kind == "name":
            self._at += 1
            return self._tokens[self._at - 1].text
        found = self._object(1)
        if any(node[0] != "name" for node in found[1].values()):
            raise NotUnderstood
        return {member: str(node[1]) for member, node in found[1].items()}

    def _begins_a_line(self) -> bool:
        return self._next.line > self._tokens[self._at - 1].line

    def _said(self, first: Token) -> str:
        last = self._tokens[self._at - 1]
        return " ".join(self._source[first.at : last.at + len(last.text)].split())[:200]

    def _passed_over(self, begun: int) -> Statement:
        """Goes on behind the statement, with all of its blocks: a semicolon, or a line that leaves nothing open."""
        self._at, depth, first = begun, 0, self._tokens[begun]
        while self._next.kind != "end":
            if depth == 0 and self._is("}"):
                break
            closes = self._is("}")
            self._patience -= 1
            if self._patience < 0:
                raise RecursionError
            depth += self._is("(", "[", "{") - self._is(")", "]", "}")
            self._at += 1
            before = self._tokens[self._at - 1].text
            goes_on = self._is(*_GO_ON) or before in _GO_ON_AFTER or (before == ")" and first.text in _BLOCKS)
            if depth == 0 and (before == ";" or ((closes or self._begins_a_line()) and not goes_on)):
                break
        return Statement("unknown", first.line, self._said(first))

    def _expression(self, depth: int, least: int = 0) -> Node:
        if depth > DEEPEST:
            raise NotUnderstood
        left = self._operand(depth)
        while self._next.kind == "mark" and _BINDING.get(self._next.text, 0) > least:
            operator = self._next.text
            self._at += 1
            left = ("binary", operator, left, self._expression(depth + 1, _BINDING[operator]))
        return left

    def _operand(self, depth: int) -> Node:
        if depth > DEEPEST:
            raise NotUnderstood
        if self._is("!", "-", "+"):
            operator = self._next.text
            self._at += 1
            return ("unary", operator, self._operand(depth + 1))
        node = self._primary(depth)
        for _ in range(MOST_MEMBERS):
            if self._take(".", "?."):
                if self._next.kind != "name":
                    raise NotUnderstood
                node = ("member", node, self._next.text)
                self._at += 1
            elif self._take("["):
                key = self._expression(depth + 1)
                self._need("]")
                node = ("member", node, key[1] if key[0] == "literal" else key)
            elif self._is("("):
                node = ("call", node, self._listed("(", ")", depth))
            else:
                return node
        raise NotUnderstood

    def _primary(self, depth: int) -> Node:
        token = self._next
        if self._is_function():
            return self._function(depth)
        if self._is("["):
            return ("array", self._listed("[", "]", depth))
        if self._is("{"):
            return self._object(depth)
        self._at += 1
        if token.kind in ("number", "text"):
            if token.text.startswith("`") and "${" in token.text:
                return ("template", token.text)
            return ("literal", token.value)
        if token.kind == "regex":
            return tuple(token.value)
        if token.kind == "name":
            if token.text in ("new", "await", "typeof", "delete", "void", "yield", "in", "of"):
                raise NotUnderstood
            return ("literal", _WORDS[token.text]) if token.text in _WORDS else ("name", token.text)
        if token.text == "(":
            node = self._expression(depth + 1)
            self._need(")")
            return node
        raise NotUnderstood

    def _listed(self, opens: str, closes: str, depth: int) -> list[Node]:
        self._need(opens)
        found: list[Node] = []
        while not self._take(closes):
            found.append(self._expression(depth + 1))
            if not self._is(closes):
                self._need(",")
        return found

    def _object(self, depth: int) -> Node:
        self._need("{")
        found: dict[str, Node] = {}
        while not self._take("}"):
            token = self._next
            if token.kind not in ("name", "text", "number"):
                raise NotUnderstood
            self._at += 1
            name = token.text if token.kind == "name" else str(token.value)
            found[name] = self._expression(depth + 1) if self._take(":") else ("name", name)
            if not self._is("}"):
                self._need(",")
        return ("object", found)

    def _is_function(self) -> bool:
        """`function …`, `async …`, `() =>`, `name =>`, `(a, b) =>`."""
        if self._is("function", "async"):
            return True
        if self._next.kind == "name" or self._is("("):
            at = self._at + 1
            if self._is("("):
                while self._tokens[at].kind == "name" or self._tokens[at].text == ",":
                    at += 1
                if self._tokens[at].text != ")":
                    return False
                at += 1
            return self._tokens[at].text == "=>"
        return False

    def _function(self, depth: int) -> Node:
        self._take("async")
        arrow = not self._take("function")
        while not self._is("{", "=>") and self._next.kind != "end":
            self._at += 1
        if arrow:
            self._need("=>")
        if not self._is("{"):
            first = self._next
            node = self._expression(depth + 1)
            return ("function", [Statement("expression", first.line, self._said(first), node)])
        self._need("{")
        inside = self.block(depth + 1)
        self._need("}")
        return ("function", inside)
