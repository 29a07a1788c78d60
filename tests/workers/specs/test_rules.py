"""Every rule has a change that it must find, and one in which it must find nothing."""

from collections import Counter
from datetime import date

from tests.workers.specs.rules import object_cases, operation_cases, schema_cases
from tests.workers.specs.rules.records import DAY, Case, Json, around
from workers.specs.compare import compare, name_of
from workers.specs.rules import RULES
from workers.specs.rules.base import Change, Level, Rule

TODAY = date.fromisoformat(DAY)
BY_ID = {rule.id: rule for rule in RULES}


def case_of(rule: Rule) -> Case | None:
    """The records of its case; those of a rule that is alike at several spots are made around two schemas."""
    known = {**operation_cases.CASES, **operation_cases.PATHS, **object_cases.CASES}
    if rule.id in known:
        return known[rule.id]
    (spot,) = rule.spots
    table = schema_cases.RESPONSES if spot.startswith("response") else schema_cases.REQUESTS
    found = table.get(rule.id.removeprefix(f"{spot}-"))
    if found is None:
        return None
    before, after, *quiet = (around(spot, schema) for schema in (found.before, found.after, *found.silent))
    return Case(before, after, quiet=(quiet[0], quiet[1]))


def made(rule: Rule) -> Case:
    """Its case; that there is one, another test says."""
    found = case_of(rule)
    assert found is not None
    return found


def changes(rule: Rule, before: Json | None, after: Json | None) -> list[Change]:
    """What is found between the two records."""
    return compare(before, after, path_removed=rule.id in operation_cases.PATHS, today=TODAY)


def test_every_rule_has_its_cases() -> None:
    assert [rule.id for rule in RULES if case_of(rule) is None] == []
    for table in (operation_cases.CASES, operation_cases.PATHS, object_cases.CASES):
        assert table.keys() <= BY_ID.keys()
    for spots, cases in (("request", schema_cases.REQUESTS), ("response", schema_cases.RESPONSES)):
        ends = {rule.id.removeprefix(f"{spot}-") for rule in RULES for spot in rule.spots if spot.startswith(spots)}
        assert {name for name in cases if name not in ends and name not in schema_cases.BOTH} == set()


def test_each_rule_finds_its_change_once_and_says_so_in_a_sentence() -> None:
    wrong = {}
    for id, rule in BY_ID.items():
        case = made(rule)
        found = [change for change in changes(rule, case.before, case.after) if change.id == id]
        said = [(one.level, one.operation, one.text.endswith("."), one.what_to_do) for one in found]
        if said != [(rule.level, name_of(case.before or case.after), True, rule.what_to_do)]:
            wrong[id] = found
    assert wrong == {}


def test_each_rule_keeps_quiet_where_nothing_of_its_own_changed() -> None:
    wrong = {}
    for id, rule in BY_ID.items():
        case = made(rule)
        for before, after in (case.silent, (case.before, case.before), (case.after, case.after)):
            if id in [change.id for change in changes(rule, before, after)]:
                wrong[id] = (before, after)
    assert wrong == {}


def test_ids_are_unique_and_most_rules_are_about_what_may_break() -> None:
    assert [id for id, times in Counter(rule.id for rule in RULES).items() if times > 1] == []
    levels = Counter(rule.level for rule in RULES)
    assert levels[Level.ERROR] + levels[Level.WARNING] >= 60
