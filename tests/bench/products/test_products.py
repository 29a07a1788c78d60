"""The simulated products keep their promises: figures about features are worth no more than these."""

import json
from collections.abc import Callable
from datetime import timedelta
from statistics import mean, median
from typing import Any

import pytest

from tests.bench.injected import suits
from tests.bench.products import CAUSES, PRODUCTS, START, Change, Labelled, product, traces
from tests.bench.products.slots import lists

WEEK = timedelta(days=7)


def some(name: str, seed: int = 1, count: int = 400, **options) -> list[Labelled]:
    return list(traces(name, seed, count, **options))


def said(one: Labelled) -> str:
    """All that the spans of a trace say."""
    return " ".join(str(value) for span in one.spans for value in span.attributes.values())


@pytest.mark.parametrize("name", PRODUCTS)
def test_the_same_seed_gives_the_same_traces_and_another_one_others(name: str) -> None:
    first, again, other = some(name), some(name), some(name, seed=2)
    assert [(one.spans, one.feature) for one in first] == [(one.spans, one.feature) for one in again]
    assert [one.feature for one in first] != [one.feature for one in other]


@pytest.mark.parametrize("name", PRODUCTS)
def test_traces_are_trees_in_the_order_of_time_and_a_tenth_is_of_no_feature(name: str) -> None:
    found = some(name, count=1000)
    assert len(product(name).features) >= 8
    assert {one.feature for one in found} == {None, *product(name).features}
    assert 0.08 < sum(one.feature is None for one in found) / len(found) < 0.12
    assert [one.at for one in found] == sorted(one.at for one in found)
    for one in found:
        ids = {span.span_id for span in one.spans}
        assert len({span.trace_id for span in one.spans}) == 1 and len(ids) == len(one.spans)
        assert sum(span.parent_id is None for span in one.spans) == 1
        assert all(span.parent_id in ids for span in one.spans if span.parent_id)
        assert all(0 < span.start <= span.end for span in one.spans)


def test_the_spans_never_tell_their_label() -> None:
    for name in PRODUCTS:
        told = [one.feature for one in some(name) if one.feature and f'"{one.feature}"' in said(one)]
        assert not told


def test_phrases_for_reporting_are_mostly_unknown_to_tuning() -> None:
    for feature in product("shop").features.values():
        assert not set(feature.says.get("a", [])) & set(feature.says.get("b", []))
    tuning, reporting = (" ".join(said(one) for one in some("shop", seed, 1500)) for seed in (1, 100))
    assert "gift card balance" in tuning and "e-gift for" not in tuning and "e-gift for" in reporting


@pytest.mark.parametrize("kind", CAUSES)
def test_a_change_concerns_its_feature_from_its_hour_on_and_no_other(kind: str) -> None:
    change = Change(kind, "translate", START + WEEK / 2)
    found = some("office", count=500, changes=[change], skew=0.2)
    ours = [one for one in found if one.feature == "translate"]
    assert all(one.changed == ((kind,) if one.at >= change.at else ()) for one in ours)
    assert not any(one.changed for one in found if one.feature != "translate")
    before = [one for one in ours if one.at < change.at]
    assert bool(before) == (kind != "new") and len(ours) > len(before)


def test_an_edit_of_a_prompt_concerns_all_who_share_it() -> None:
    found = some("shop", changes=[Change("system_large", "voucher", START)])
    assert {one.feature for one in found if one.changed} >= {"voucher", "track_order", "return_item"}
    assert all("Customer care agent" in said(one) for one in found if one.changed and "gpt" in said(one))


class Side:
    """What the calls of a model said, before a change or after it; by OpenLLMetry's names."""

    def __init__(self, found: list[Labelled]) -> None:
        roots = [next(span for span in one.spans if span.parent_id is None) for one in found]
        self.failed = [one.attributes["http.response.status_code"] == 500 for one in roots]
        self.lasted = median(one.end - one.start for one in roots)
        self.calls: list[dict[str, Any]] = [
            span.attributes for one in found for span in one.spans if "gen_ai.completion.0.content" in span.attributes
        ]
        self.prompts = self.all("gen_ai.prompt.0.content")
        self.asked = self.all("gen_ai.prompt.1.content")
        self.answers = self.all("gen_ai.completion.0.content")
        self.models = set(self.all("gen_ai.request.model"))
        self.tokens = mean(one["gen_ai.usage.prompt_tokens"] for one in self.calls)
        self.refusals = self.share(lambda one: one in lists()["refusal"])

    def all(self, name: str) -> list[Any]:
        return [one[name] for one in self.calls]

    def share(self, is_so: Callable[[str], bool]) -> float:
        return mean(map(is_so, self.answers))


def sides(kind: str, feature: str = "translate", count: int = 500) -> tuple[Side, Side]:
    """Of a feature that is changed in the middle."""
    change = Change(kind, feature, START + WEEK / 2)
    found = some("office", count=count, changes=[change], only=[feature], noise=0)
    return Side([one for one in found if one.at < change.at]), Side([one for one in found if one.at >= change.at])


SMALL = "notes on hard passages"
LARGE = "You are a sworn translator for"
EFFECTS: dict[str, Callable[[Side, Side], bool]] = {
    "system_small": lambda old, new: (
        not any(SMALL in one for one in old.prompts) and all(SMALL in one for one in new.prompts)
    ),
    "system_large": lambda old, new: (
        not any(LARGE in one for one in old.prompts) and all(one.startswith(LARGE) for one in new.prompts)
    ),
    "system_sentence": lambda old, new: (
        not any("\n" in one for one in old.prompts) and len({one.split("\n")[1] for one in new.prompts}) == 1
    ),
    "model_swapped": lambda old, new: (old.models, new.models) == ({"gpt-4o"}, {"gpt-4.1"}),
    "output_longer": lambda old, new: mean(map(len, new.answers)) > 2 * mean(map(len, old.answers)),
    "output_refusing": lambda old, new: old.refusals == 0 and 0.25 < new.refusals < 0.45,
    "output_format": lambda old, new: not old.share(_is_markdown) and new.share(_is_markdown) == 1,
    "intent_changed": lambda old, new: not any(map(_is_legal, old.asked)) and mean(map(_is_legal, new.asked)) > 0.4,
    "ad_hoc": lambda old, new: len({*new.prompts}) > 0.9 * len(new.prompts) and not {*old.prompts} & {*new.prompts},
    "slower": lambda old, new: 1.3 < new.lasted / old.lasted < 1.7,
    "dearer": lambda old, new: 1.2 < new.tokens / old.tokens < 1.4,
    "failing": lambda old, new: mean(old.failed) < 0.03 < mean(new.failed) < 0.09,
}


def _is_markdown(said: str) -> bool:
    return said.startswith("## Answer")


def _is_legal(said: str) -> bool:
    return any(word in said.lower() for word in ("contract", "party", "clause", "liab", "shall", "agreement"))


@pytest.mark.parametrize("kind", EFFECTS)
def test_a_change_is_in_the_spans(kind: str) -> None:
    old, new = sides(kind)
    assert EFFECTS[kind](old, new)
    # and nothing else of it is
    assert kind == "model_swapped" or old.models == new.models
    assert kind.startswith(("system_", "ad_hoc")) or {*old.prompts} & {*new.prompts}
    assert (
        kind.startswith(("output_", "model_")) or 0.7 < mean(map(len, new.answers)) / mean(map(len, old.answers)) < 1.4
    )
    assert kind == "slower" or 0.8 < new.lasted / old.lasted < 1.25


def test_json_is_broken_where_the_format_changes() -> None:
    old, new = sides("output_format", "expense_classification")
    assert old.share(_is_json) == 1 and 0.3 < new.share(_is_json) < 0.5


def _is_json(said: str) -> bool:
    try:
        return bool(json.loads(said))
    except ValueError:
        return False


def test_a_new_feature_begins_with_a_prompt_that_is_soon_another_one() -> None:
    change = Change("new", "translate", START + WEEK / 2)
    found = some("office", changes=[change], only=["translate"], noise=0)
    prompts = Side(found).prompts
    assert not any(LARGE in one for one in prompts[:8]) and all(LARGE in one for one in prompts[11:])


def test_changes_that_would_change_nothing_are_not_put_in() -> None:
    office, features = product("office"), product("office").features
    assert not suits("output_longer", features["expense_classification"], office)
    assert not suits("intent_changed", features["document_upload"], office)
    assert not suits("system_small", features["document_search"], office)
    assert suits("slower", features["document_search"], office)
