"""Prompts and their families."""

from workers.features.structure import prompts
from workers.features.structure.prompts import Families

PROMPT = (
    "You are the assistant of {shop}. The customer is called {name} and has {status} status. "
    "Answer in at most three sentences, use the tools when they help, and never reveal internal notes."
)


def written(**values: str) -> str:
    return PROMPT.format(**{"shop": "Loom", "name": "Ada", "status": "gold", **values})


def test_dates_numbers_and_ids_make_no_new_prompt() -> None:
    one, other = "Today is 2026-01-31. Order 17.", "Today is 2026-02-01.  Order 18."
    assert prompts.key(one) == prompts.key(other) != prompts.key("Today is 2026-02-01. Orders 18.")


def test_prompts_that_differ_in_names_are_one_family() -> None:
    families = Families()
    first = family(families, written())
    assert family(families, written(name="Grace", status="new")) == first
    assert family(families, "You translate what you are given into French, and keep its format.") != first


def test_families_survive_as_json() -> None:
    families = Families()
    first = family(families, written())
    again = Families(families.state)
    assert family(again, written(name="Linus")) == first
    assert again.likeness(first, first) == 1.0
    assert again.likeness(first, "unknown") == 0.0


def family(families: Families, text: str) -> str:
    return families.of(prompts.key(text), prompts.template(text))
