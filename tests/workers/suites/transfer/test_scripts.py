"""JavaScript is read as far as tests need it; hostile scripts take no time, and nothing is run."""

from time import process_time

import pytest

from workers.suites.transfer.scripts import statements


def kinds(source: str) -> list[str]:
    return [one.kind for one in statements(source)]


def test_statements_end_at_semicolons_and_lines_and_go_on_over_chains() -> None:
    found = statements("var a = f()\nlet b = 'x;y'; // c ;\npm.expect(a)\n  .to.eql(`t`)\nx = /a;b[/]/i\n")
    assert [(one.kind, one.line) for one in found] == [("declare", 1), ("declare", 2), ("expression", 3), ("assign", 5)]
    assert found[1].node == ("literal", "x;y")
    assert found[3].node == ("regex", "a;b[/]", "i")


def test_what_is_beyond_it_is_passed_over_as_a_whole() -> None:
    source = "if (a) { b(); } else if (c) { d() }\nfor (let i = 0; i < 3; i++) { e() }\nconst [x, y] = z\nok()"
    assert kinds(source) == ["unknown", "unknown", "unknown", "expression"]
    assert statements(source)[2].source == "const [x, y] = z"
    assert kinds("try { a() } catch (e) { b() }\nfunction f() { return 1 }\nok()") == [
        "unknown",
        "unknown",
        "expression",
    ]


def test_functions_have_their_own_statements() -> None:
    (call,) = statements("pm.test('a', async () => { one(); two(); })")
    assert [one.kind for one in call.node[2][1][1]] == ["expression", "expression"]
    (call,) = statements("f(x => x.y)")
    assert call.node[2][0][0] == "function"


@pytest.mark.parametrize(
    "source",
    ["(" * 29_000, "a." * 14_000, "f(()=>{" * 4_000, "[/" * 14_000, "'" * 29_001, "/*" * 14_000, "if(" * 9_000,
     "(a," * 9_000, "{a:" * 9_000, "!" * 29_000, "`${" * 9_000, "}" * 29_000, "x" * 200_000],
    ids=lambda source: source[:8],
)  # fmt: skip
def test_a_hostile_script_is_given_up_soon(source: str) -> None:
    begun = process_time()
    statements(source)
    assert process_time() - begun < 1.5
