"""docs/breaking-changes.md: its tables are those of the rules. `tables()` is how they were written."""

from string import Formatter

from tests.house.tree import ROOT
from workers.specs.compare import TRUNCATED
from workers.specs.rules import (
    RULES,
    bounds,
    branches,
    lifecycle,
    objects,
    operation,
    parameters,
    request_body,
    response,
    security,
    types,
    values,
)
from workers.specs.rules.base import Rule, Spot

PAGE = (ROOT / "docs" / "breaking-changes.md").read_text()
HEADINGS = {
    "Operations": operation,
    "Deprecation and stability": lifecycle,
    "Security": security,
    "Parameters": parameters,
    "Request bodies": request_body,
    "Responses": response,
    "Properties": objects,
    "Types and null": types,
    "Bounds": bounds,
    "Values": values,
    "Alternatives and conditions": branches,
}
PLACES = {
    Spot.OPERATION: "the operation",
    Spot.SECURITY: "the operation",
    Spot.PARAMETER: "a parameter",
    Spot.CONTENT: "the request body",
    Spot.MEDIA_TYPE: "a media type of the request body",
    Spot.RESPONSE: "a response",
    Spot.RESPONSE_MEDIA_TYPE: "a media type of a response",
    Spot.HEADER: "a header of a response",
    Spot.CALLBACK: "a callback",
    Spot.PARAMETER_SCHEMA: "a parameter",
    Spot.PARAMETER_PROPERTY: "a property of a parameter",
    Spot.BODY: "a request body",
    Spot.PROPERTY: "a property of a request",
    Spot.RESPONSE_BODY: "the body of a response",
    Spot.RESPONSE_PROPERTY: "a property of a response",
    Spot.RESPONSE_HEADER: "a header of a response",
}


def tables() -> str:
    """The tables of all rules, one for each of their files."""
    return "\n\n".join(
        "\n".join([f"### {heading}", "", "| rule | level | says |", "| --- | --- | --- |", *map(row, module.RULES)])
        for heading, module in HEADINGS.items()
    )


def row(rule: Rule) -> str:
    """A rule, with its sentence about no operation in particular."""
    names = {name for _, name, _, _ in Formatter().parse(rule.text) if name}
    words = {**{name: f"*{name}*" for name in names}, "place": PLACES[rule.spots[0]], "whole": PLACES[rule.spots[0]]}
    said = rule.text.format(**words)
    return f"| `{rule.id}` | {rule.level} | {said[:1].upper()}{said[1:]} |"


def test_the_page_has_every_rule_with_its_level_and_sentence() -> None:
    assert sum(len(module.RULES) for module in HEADINGS.values()) == len(RULES)
    assert tables() in PAGE


def test_the_page_names_what_is_said_of_too_large_an_operation() -> None:
    assert f"`{TRUNCATED}`" in PAGE
