"""Values in JSON by path: JSONPath (RFC 9535) where it begins with `$`, JMESPath otherwise.

`read` gives the one value that JSONPath finds, a list where it finds several, MISSING where it finds none. JMESPath has
one result, and null where there is none: that is MISSING, too, but for a plain path as `user.name`, which is looked up
by keys. Paths are of users: each look at a value watches a clock.
"""

import asyncio
import re
import threading
from collections.abc import Callable, Iterable
from functools import lru_cache
from time import monotonic
from typing import Any, Final, Self

from jmespath import exceptions as jmespath_exceptions
from jmespath.parser import Parser
from jmespath.visitor import Options, TreeInterpreter
from jsonpath import JSONPath, JSONPathEnvironment, JSONPathError, JSONPathMatch
from jsonpath.function_extensions import ExpressionType, FilterFunction
from jsonpath.match import FilterContextVars
from jsonpath.parse import Parser as JSONPathParser

from infra.errors import BadInput, PatternTooSlow
from workers.suites.steps import growth, patterns

LONGEST = 1000
DEEPEST = 200
SECONDS = 1.0
# How large a body may be, in bytes, and how long one may look, on the event loop.
SMALL = 256 * 1024
AT_ONCE_SECONDS = 0.005


class _Missing:
    """There is nothing at that place."""

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING: Final = _Missing()

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_PLAIN = re.compile(rf"(?:\$|{_NAME})(?:\.{_NAME}|\[-?[0-9]{{1,9}}\])*", re.ASCII)
_STEP = re.compile(rf"({_NAME})|\[(-?[0-9]+)\]", re.ASCII)
_clock = threading.local()


def check(path: str) -> None:
    """Raises BadInput, with a sentence, where that is no path."""
    _reader(path)


def read(value: Any, path: str, seconds: float = SECONDS) -> Any:
    """What is there, or MISSING. Raises BadInput, or PatternTooSlow after `seconds`; keep it away from an event loop,
    which `read_in_time` is for."""
    found = _read(value, path, seconds)
    if isinstance(found, _TooSlow):
        raise PatternTooSlow(
            f"The path {shown(path)} did not come to an end within {seconds:g} s; make it more specific."
        )
    return found


async def read_in_time(value: Any, path: str, *, size: int = 0, seconds: float = SECONDS) -> Any:
    """The same, for an event loop: what takes longer than a moment, or is read from a body of more than 256 KiB
    (`size`, in bytes), is done by a thread."""
    if size <= SMALL or _PLAIN.fullmatch(path):
        found = _read(value, path, AT_ONCE_SECONDS)
        if not isinstance(found, _TooSlow):
            return found
    return await asyncio.to_thread(read, value, path, seconds)


class _TooSlow(Exception):
    """The time is over."""


def _look_at_the_clock() -> None:
    if monotonic() > _clock.end:
        raise _TooSlow


def _read(value: Any, path: str, seconds: float) -> Any:
    """What is there, or the exception that the time was over."""
    _clock.end = monotonic() + seconds
    try:
        return _reader(path)(value)
    except _TooSlow as slow:
        return slow
    except RecursionError:
        raise BadInput(f"The value is nested too deep for the path {shown(path)}.") from None
    except (JSONPathError, jmespath_exceptions.JMESPathError) as error:
        raise BadInput(f"The path {shown(path)} cannot be read here: {_first_line(error)}.") from None
    except ValueError as error:
        why = growth.TOO_LARGE if str(error) == growth.TOO_LARGE else type(error).__name__
        raise BadInput(f"The path {shown(path)} cannot be read here: {why}.") from None
    except (TypeError, ArithmeticError, KeyError, AttributeError, LookupError) as error:
        raise BadInput(f"The path {shown(path)} cannot be read here: {type(error).__name__}.") from None


@lru_cache(maxsize=2048)
def _reader(path: str) -> Callable[[Any], Any]:
    if len(path) > LONGEST:
        raise BadInput(f"A path has at most {LONGEST} characters.")
    if _PLAIN.fullmatch(path):
        return _by_keys(path)
    kind = "JSONPath" if path.startswith("$") else "JMESPath"
    try:
        return _json_path(path) if kind == "JSONPath" else _jmes_path(path)
    except (BadInput, JSONPathError, jmespath_exceptions.JMESPathError, RecursionError, ValueError, TypeError) as error:
        raise BadInput(f"The path {shown(path)} is not valid {kind}: {_first_line(error)}.") from None


def _by_keys(path: str) -> Callable[[Any], Any]:
    steps = [int(index) if index else name for name, index in _STEP.findall(path)]

    def read_steps(value: Any) -> Any:
        for step in steps:
            if isinstance(step, str):
                if not isinstance(value, dict) or step not in value:
                    return MISSING
            elif not isinstance(value, list) or not -len(value) <= step < len(value):
                return MISSING
            value = value[step]
        return value

    return read_steps


def _json_path(path: str) -> Callable[[Any], Any]:
    query = _Query.of(_ENVIRONMENT.compile(path))

    def find(value: Any) -> Any:
        found = [match.obj for match in query.finditer(value)]
        if len(found) == 1:
            return found[0]
        growth.require_bounded(found, _look_at_the_clock)
        return found or MISSING

    return find


def _jmes_path(path: str) -> Callable[[Any], Any]:
    tree = Parser().parse(path).parsed
    growth.require_few_copies(tree)

    def find(value: Any) -> Any:
        found = _Interpreter(_OPTIONS).visit(tree, value)
        growth.require_bounded(found, _look_at_the_clock)
        return MISSING if found is None else found

    return find


class _Node(JSONPathMatch):
    """A node that looks at the clock; it keeps neither its children nor its path, which nobody asks for."""

    __slots__ = ()

    def add_child(self, *_: JSONPathMatch) -> None:
        """Is forgotten."""

    def filter_context(self) -> FilterContextVars:
        _look_at_the_clock()  # for each element that a filter looks at
        return self._filter_context

    def new_child(self, obj: object, key: int | str) -> JSONPathMatch:
        _look_at_the_clock()
        return self.__class__(
            filter_context=self._filter_context, obj=obj, parent=None, parts=(), path="", root=self.root
        )


class _Query(JSONPath):
    """A query whose nodes look at the clock, from the root on."""

    __slots__ = ()

    @classmethod
    def of(cls, query: Any) -> Self:
        """The same query."""
        return cls(env=query.env, segments=query.segments, pseudo_root=query.pseudo_root)

    def finditer(self, data: Any, *, filter_context: Any = None) -> Iterable[JSONPathMatch]:
        _look_at_the_clock()
        root = _Node(filter_context=filter_context or {}, obj=data, parent=None, parts=(), path="", root=data)
        nodes: Iterable[JSONPathMatch] = (root,)
        for segment in self.segments:
            nodes = segment.resolve(nodes)
        return nodes


class _Parser(JSONPathParser):
    """Queries inside of filters are such queries, too."""

    def parse_absolute_query(self, stream: Any) -> Any:
        found: Any = super().parse_absolute_query(stream)
        found.path = _Query.of(found.path)
        return found

    def parse_relative_query(self, stream: Any) -> Any:
        found: Any = super().parse_relative_query(stream)
        found.path = _Query.of(found.path)
        return found


class _Regex(FilterFunction):
    """`match` and `search` of RFC 9535, with what time is left; a pattern that is none matches nothing, as it says."""

    arg_types = [ExpressionType.VALUE, ExpressionType.VALUE]  # noqa: RUF012 (as the library declares it)
    return_type = ExpressionType.LOGICAL

    def __init__(self, around: str) -> None:
        self._around = around

    def __call__(self, value: object, pattern: object) -> bool:
        if not isinstance(value, str) or not isinstance(pattern, str):
            return False
        try:
            found = patterns.compiled(self._around.format(pattern)).search(
                value, timeout=max(_clock.end - monotonic(), 0.001), concurrent=True
            )
        except BadInput:
            return False
        except TimeoutError:
            raise _TooSlow from None
        return found is not None


class _Environment(JSONPathEnvironment):
    parser_class = _Parser
    max_recursion_depth = DEEPEST

    def setup_function_extensions(self) -> None:
        super().setup_function_extensions()
        self.function_extensions["match"] = _Regex(r"\A(?:{})\Z")
        self.function_extensions["search"] = _Regex("{}")


class _Interpreter(TreeInterpreter):  # type: ignore[misc]  # the library has no types
    def visit(self, node: Any, *args: Any, **kwargs: Any) -> Any:
        _look_at_the_clock()
        return super().visit(node, *args, **kwargs)


def shown(path: str) -> str:
    """The path as errors quote it."""
    return repr(path if len(path) <= 100 else f"{path[:100]}…")


def _first_line(error: Exception) -> str:
    line = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".:")
    return line if len(line) <= 300 else f"{line[:300]}…"


_ENVIRONMENT = _Environment(strict=True)
_OPTIONS = Options(custom_functions=growth.Functions(_look_at_the_clock))
