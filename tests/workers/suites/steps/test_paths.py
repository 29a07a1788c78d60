"""Values by path, in both languages, within a limit of time."""

import asyncio
from time import thread_time
from typing import Any

import pytest

from infra.errors import BadInput, PatternTooSlow
from workers.suites.steps import paths
from workers.suites.steps.paths import MISSING

DATA = {"users": [{"id": 1, "name": "ada"}, {"id": 2, "name": "bob"}], "none": None, "text": "t", "a.b": 5}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$", DATA), ("$.users[0].id", 1), ("$.users[-1].name", "bob"), ("$['a.b']", 5), ("$.none", None),
        ("$['none']", None), ("$.users[*].id", [1, 2]), ("$..id", [1, 2]), ("$.users[?@.id == 2].name", "bob"),
        ("$.users[?match(@.name, 'a.a')].id", 1), ("$.users[?search(@.name, '[')].id", MISSING),
        ("$.users[?@.id == $.users[1].id].name", "bob"), ("$.users[?length(@.name) == 3].id", [1, 2]),
        ("$.users[9].id", MISSING), ("$.zip", MISSING), ("$.text.x", MISSING), ("$.users.name", MISSING),
        ("users[0].id", 1), ("none", None), ("zip", MISSING), ("users[*].name", ["ada", "bob"]), ("@", DATA),
        ("users[?id==`2`].name | [0]", "bob"), ("length(users)", 2), ("users[0].{n: name}", {"n": "ada"}),
        ("users[?id==`9`] | [0]", MISSING), ('"a.b"', 5), ("users[?id==`9`]", []),
    ],
)  # fmt: skip
def test_a_path_finds_one_value_or_several_or_none(path: str, value: Any) -> None:
    paths.check(path)
    assert paths.read(DATA, path) == value
    assert asyncio.run(paths.read_in_time(DATA, path, size=10**9)) == value


def test_a_text_is_not_taken_for_json() -> None:
    assert paths.read('{"a":1}', "$") == '{"a":1}' and paths.read('{"a":1}', "$['a']") is MISSING
    assert paths.read(["x", '{"a":1}'], "$[?@ == 'x']") == "x"


@pytest.mark.parametrize(
    "path",
    ["$.", "$x", "$[", "$..", "$[?@.a ==]", "$.a | $.b", "$[?nope(@)]", "users[", "", "foo(", "a b", "(" * 900,
     "$[?" + "(" * 900, "x" * 1001],
)  # fmt: skip
def test_what_is_no_path_is_refused_with_a_sentence(path: str) -> None:
    with pytest.raises(BadInput, match=r"is not valid JSONPath|is not valid JMESPath|at most 1000 characters"):
        paths.check(path)


@pytest.mark.parametrize("path", ["sum(text)", "users[?id > 'x']", "nope(text)", "sort_by(users, &none)", "avg(users)"])
def test_a_path_that_does_not_fit_the_value_says_so(path: str) -> None:
    with pytest.raises(BadInput, match="cannot be read here"):
        paths.read(DATA, path)


LONG = [0] * 20_000
WIDE = [[0] * 100 for _ in range(100)]


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (LONG, "$[?count($[?count(@..*) > 0 || count($[*]) > 5]) > 0]"),
        ([LONG] * 3000, "$[?count(@[?count(@.*) > 9]) > 0]"),
        (["x" * 3000] * 3, "$[?search(@, '(x+x+)+y')]"),
        (["x" * 3000] * 3, "$[?match(@, '(x+x+)+y')]"),
        ([0] * 300_000, "$[?@ == 1 || @ == 2 || @ == 3]"),
        (LONG * 50, "[*].[@]|[*].[@]|[*].[@]"),
        (LONG, "map(&length(@), map(&to_array(@), [@, @, @, @, @, @, @, @][]))"),
        ([WIDE] * 100, "$" + "..*" * 8),
    ],
)
def test_a_path_without_end_is_stopped_and_the_loop_goes_on(value: Any, path: str) -> None:
    async def run() -> int:
        ticks = 0
        task = asyncio.create_task(paths.read_in_time(value, path, seconds=0.15))
        while not task.done():
            await asyncio.sleep(0.01)
            ticks += 1
        with pytest.raises(PatternTooSlow, match=r"did not come to an end within 0.15 s"):
            await task
        return ticks

    begun = thread_time()
    assert asyncio.run(run()) >= 2
    assert thread_time() - begun < 0.15


def test_what_is_nested_too_deep_is_an_error() -> None:
    deep: Any = 1
    for _ in range(900):
        deep = [deep]
    with pytest.raises(BadInput, match="nested too deep"):
        paths.read(deep, "$..*")
    assert paths.read(deep, "$" + "[0]" * 300) == paths.read(deep, "@" + "[0]" * 300)


DOUBLED = "[@,@]"


@pytest.mark.parametrize(
    "path",
    ["|".join([DOUBLED] * 30), "|".join(["[@,@][]"] * 30), "|".join([DOUBLED] * 20) + "|to_string(@)",
     "|".join(["[to_string(@)]"] * 30), "[*]" + ".{a: @, b: @}" * 9, "merge(@, @)|" * 9 + "keys(@)",
     f"({'|'.join([DOUBLED] * 26)}) == ({'|'.join([DOUBLED] * 26)})", "|".join(["map(&[@, @], @)"] * 9)],
)  # fmt: skip
def test_a_path_that_multiplies_what_it_reads_is_refused_before_it_is_read(path: str) -> None:
    with pytest.raises(BadInput, match="repeats what it reads too often"):
        paths.check(path)


def test_a_path_that_names_many_fields_is_none_of_those() -> None:
    fields = ", ".join(f"f{n}: users[0].f{n}.x" for n in range(20))
    paths.check(f"users[].{{{', '.join(f'f{n}: f{n}' for n in range(60))}}} | [0].[f1, f2, f3]")
    paths.check(f"{{{fields}}}")
    assert paths.read({"a": ["x", "y"], "b": 1}, "{joined: join('-', a), text: to_string(b)}") == {
        "joined": "x-y", "text": "1"
    }  # fmt: skip


@pytest.mark.parametrize(
    "path", ["join(s, l)", "join(to_string(l), l)", f"[{', '.join(['@'] * 45)}] | to_string(@)", "$" + "[0,0,0,0]" * 4]
)
def test_what_a_path_finds_has_a_size(path: str) -> None:
    value: Any = {"s": "s" * 200_000, "l": ["x" * 20] * 20_000}
    value = [[[[[value]]]]] if path.startswith("$") else value
    with pytest.raises(BadInput, match="what it finds is larger than 16 MiB"):
        paths.read(value, path)
