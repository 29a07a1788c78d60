"""What keeps a path from making more of a value than there is: a result is small in memory while it refers to the same
value many times, and without end once it is written, or compared with another.

How often a JMESPath repeats what it reads is seen in the path itself; how large a result is written, by looking at it.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

from jmespath import functions

from infra.errors import BadInput

# A path may repeat what it reads so often, and find so much: characters of texts, and members.
MOST_COPIES = 100
LARGEST = 16 * 1024 * 1024
LOOKS_AT_ONCE = 1000
TOO_LARGE = f"what it finds is larger than {LARGEST // 1024**2} MiB"

Node = dict[str, Any]


def copies(node: Any) -> int:
    """How often the result of a JMESPath may have one part of what it reads in it, at most; fields of different names
    are different parts."""
    if not isinstance(node, dict):  # the numbers of a slice
        return 1
    inner = [(child, copies(child)) for child in node["children"]]
    match node["type"]:
        case "multi_select_list" | "multi_select_dict":
            return _of_all(inner)
        case "function_expression":
            quotes = 2 if node["value"] == "to_string" else 1  # those in texts are quoted, and their quotes again
            each = max((count for child, count in inner if child["type"] == "expref"), default=1)
            return quotes * each * max(1, sum(count for child, count in inner if child["type"] != "expref"))
        case "comparator" | "or_expression" | "and_expression" | "not_expression":
            return max(count for _, count in inner)
    found = 1
    for _, count in inner:
        found *= count
    return found


def _of_all(inner: list[tuple[Node, int]]) -> int:
    by_field = Counter[str | None]()
    for child, count in inner:
        by_field[_first_field(child)] += count
    return max(1, by_field.pop(None, 0) + max(by_field.values(), default=0))


def _first_field(node: Node) -> str | None:
    """The field that the node begins with, if it does."""
    while node["type"] in ("subexpression", "index_expression", "pipe", "key_val_pair", "projection", "flatten"):
        node = node["children"][0]
    return str(node["value"]) if node["type"] == "field" else None


def require_bounded(value: Any, look: Callable[[], None], largest: int = LARGEST) -> None:
    """Raises ValueError for a value that is too large when it is written; `look` is called now and then."""
    waiting, size, looks = [value], 0, 0
    while waiting:
        one = waiting.pop()
        size += 1
        if isinstance(one, str):
            size += len(one)
        elif isinstance(one, dict):
            size += len(one)
            waiting += one.keys()
            waiting += one.values()
        elif isinstance(one, list):
            size += len(one)
            waiting += one
        if size > largest:
            raise ValueError(TOO_LARGE)
        looks += 1
        if looks % LOOKS_AT_ONCE == 0:
            look()


class Functions(functions.Functions):  # type: ignore[misc]  # the library has no types
    """Those of JMESPath; what writes a text looks first at how long it gets."""

    def __init__(self, look: Callable[[], None]) -> None:
        self._look = look

    @functions.signature({"types": []})  # type: ignore[untyped-decorator]
    def _func_to_string(self, arg: Any) -> Any:
        require_bounded(arg, self._look)
        return super()._func_to_string(arg)

    @functions.signature({"types": ["string"]}, {"types": ["array-string"]})  # type: ignore[untyped-decorator]
    def _func_join(self, separator: str, array: list[str]) -> str:
        if len(separator) * len(array) + sum(map(len, array)) > LARGEST:
            raise ValueError(TOO_LARGE)
        return separator.join(array)


def require_few_copies(tree: Any) -> None:
    """Raises BadInput for a JMESPath that repeats what it reads too often."""
    if copies(tree) > MOST_COPIES:
        raise BadInput("it repeats what it reads too often")
