"""The error tree: what its docstring draws is what there is, and codes are stable and unique."""

import re
from collections.abc import Iterator

from api.openapi_operations import tree
from infra import errors
from infra.errors import SwitchyardError

ROW = re.compile(r"^ {4}([│ ]*[├└]── )(\w+) +([a-z_]+) +(\d{3}) +(yes|no)$", re.MULTILINE)
Drawn = tuple[str, str, str, int, bool]


def drawn() -> Iterator[Drawn]:
    """Name, parent, code, status and retryable of each row, the parent by how far it is set in."""
    above = ["SwitchyardError"]
    for branch, name, code, status, retryable in ROW.findall(errors.__doc__ or ""):
        depth = len(branch) // 4
        above[depth:] = [name]
        yield name, above[depth - 1], code, int(status), retryable == "yes"


def test_the_drawn_tree_is_the_tree() -> None:
    classes = [one for one in tree() if one is not SwitchyardError]
    there = [(one.__name__, one.__bases__[0].__name__, one.code, one.status, one.retryable) for one in classes]
    assert sorted(drawn()) == sorted(there)


def test_codes_are_unique_snake_case_and_every_error_has_a_sentence() -> None:
    codes = [one.code for one in tree() if "code" in vars(one)]
    assert len(codes) == len(set(codes))
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", code) for code in codes)
    assert all((one.__doc__ or "").strip().endswith(".") for one in tree())
    assert all(one.__doc__ != one.__bases__[0].__doc__ for one in tree())


def test_every_status_is_an_error() -> None:
    assert all(400 <= one.status <= 599 for one in tree())
