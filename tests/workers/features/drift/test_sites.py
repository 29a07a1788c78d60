"""What a call site uses, call by call, and when that is a change."""

from random import Random
from typing import Any
from uuid import UUID

from tests.workers.features.drift.noticing import call
from workers.features.drift.fingerprints import made_with
from workers.features.drift.sites import Change, Recovery, Site, Use

OLD = "You help customers of a shop with their orders. Answer briefly."
NEW = "You help customers of a shop with their orders. Answer at length and sell them something, too."
WORDS = [f"word{number}" for number in range(2_000)]


class Calls:
    """A site and a clock."""

    def __init__(self) -> None:
        self.site = Site()
        self.at = 0
        self.rng = Random(3)

    def use(self, system: str | None, *, late: int = 0, who: str | None = None, **more: Any) -> list[Change | Recovery]:
        """One call, a minute after the last; what changed by it."""
        self.at += 60_000
        made = made_with(call(system, **more))
        whose = who or f"user{self.rng.getrandbits(30)}"
        return self.site.take(Use(self.at - late, UUID(int=self.at), made, whose))

    def uses(self, count: int, system: str | None = OLD, **more: Any) -> list[Change | Recovery]:
        """Some of them."""
        return [one for _ in range(count) for one in self.use(system, **more)]


def changes(found: list[Change | Recovery]) -> list[tuple[str, ...]]:
    return [one.parts for one in found if isinstance(one, Change)]


def test_an_edited_prompt_is_a_change_at_its_fifth_use() -> None:
    calls = Calls()
    calls.uses(30)
    assert calls.uses(4, NEW) == []
    (found,) = calls.uses(1, NEW)
    assert isinstance(found, Change) and found.parts == ("template",) and found.switch.known
    assert found.since == 31 * 60_000
    assert [calls.site.text(one) for one in (found.switch.old, found.switch.new)] == [OLD, NEW]


def test_an_edit_of_a_word_is_a_change_once_it_has_replaced_the_old_one() -> None:
    calls = Calls()
    calls.uses(30)
    edited = OLD.replace("briefly", "rudely")
    assert calls.uses(7, edited) == []
    assert changes(calls.uses(5, edited)) == [("template",)]


def test_a_roll_out_is_one_change() -> None:
    calls = Calls()
    calls.uses(40)
    found = [one for at in range(200) for one in calls.use(NEW if calls.rng.random() < at / 200 else OLD)]
    assert changes(found + calls.uses(50, NEW)) == [("template",)]


def test_variants_that_are_there_from_the_beginning_are_no_change() -> None:
    calls = Calls()
    assert [one for _ in range(300) for one in calls.use(calls.rng.choice([OLD, NEW]))] == []


def test_going_back_is_noticed_and_the_next_time_is_a_change_again() -> None:
    calls = Calls()
    calls.uses(30)
    calls.uses(20, NEW)
    found = calls.uses(12)
    assert [type(one) for one in found] == [Recovery]
    assert changes(calls.uses(10, NEW)) == [("template",)]


def test_a_prompt_that_came_late_is_not_gone_back_to() -> None:
    calls = Calls()
    calls.uses(30)
    calls.uses(30, NEW)
    assert [one for _ in range(20) for one in calls.use(OLD, late=40 * 60_000)] == []


def test_another_model_parameters_or_tools_are_changes_of_their_own() -> None:
    for more, parts in (
        ({"model": "gpt-4.1"}, ("model",)),
        ({"parameters": {"temperature": 1}}, ("parameters",)),
        ({"tools": [{"name": "find"}]}, ("tools",)),
        ({"model": "gpt-4.1", "tools": [{"name": "find"}]}, ("model", "tools")),
    ):
        calls = Calls()
        calls.uses(30)
        assert changes(calls.uses(20, **more)) == [parts]


def test_a_fallback_model_is_no_change() -> None:
    calls = Calls()
    assert [
        one for _ in range(400) for one in calls.use(OLD, model="mini" if calls.rng.random() < 0.06 else "gpt-4o")
    ] == []


def test_a_failed_call_uses_the_model_that_would_have_answered() -> None:
    calls = Calls()
    calls.uses(30, model="gpt-4o-2024-08-06")
    assert calls.uses(30, model="gpt-4o", status="error") == []


def test_a_parameter_that_is_another_one_each_time_is_none() -> None:
    calls = Calls()
    assert [one for at in range(100) for one in calls.use(OLD, parameters={"max_tokens": 500 + at})] == []
    assert len(calls.site.prompts) <= 8


def test_what_only_one_user_sees_is_no_change() -> None:
    calls = Calls()
    calls.uses(30)
    assert calls.uses(30, "You help customers of a shop with their orders. Their name is Anna Maria.", who="anna") == []


def test_a_change_before_anything_was_steady_is_told_as_such() -> None:
    calls = Calls()
    calls.uses(4)
    (found,) = calls.uses(12, NEW)
    assert isinstance(found, Change) and not found.switch.known


def test_prompts_that_were_a_template_and_are_improvised_now_came_loose() -> None:
    calls = Calls()
    calls.uses(40)
    found = [one for _ in range(40) for one in calls.use(" ".join(calls.rng.sample(WORDS, 30)))]
    assert changes(found) == [("loose",)]
    assert [type(one) for one in calls.uses(20)] == [Recovery]
    assert not calls.site.loose


def test_prompts_that_always_were_improvised_never_change_and_are_few() -> None:
    calls = Calls()
    assert [one for _ in range(200) for one in calls.use(" ".join(calls.rng.sample(WORDS, 30)))] == []
    assert calls.site.loose and len(calls.site.prompts) < 50


def test_a_person_who_accepts_a_change_would_be_told_of_the_way_back() -> None:
    calls = Calls()
    calls.uses(30)
    calls.uses(40, NEW)
    calls.site.settle(["template"])
    assert changes(calls.uses(10)) == [("template",)]


def test_what_is_kept_goes_on_where_it_was() -> None:
    calls = Calls()
    calls.uses(30)
    calls.uses(3, NEW)
    calls.site = Site(calls.site.kept())
    assert changes(calls.uses(2, NEW)) == [("template",)]
