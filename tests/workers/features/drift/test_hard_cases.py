"""What programs do to prompts besides editing them, and what must not harm the watch over them."""

from dataclasses import replace
from datetime import timedelta

import pytest

from models import PromptClass
from tests.workers.features.drift.noticing import SITE, SYSTEM, Watched, call
from tests.workers.features.drift.test_sites import NEW, OLD, WORDS, Calls, changes
from tests.workers.jobs.conftest import Core
from workers.features.base import Call, Summary
from workers.features.drift import noting
from workers.features.drift.sites import Change

TENANTS = [
    f"You answer for {name}. {rules}"
    for name, rules in (
        ("a bank", "Never give advice on investments, and be formal."),
        ("a bakery", "Be warm, and offer the cake of the day."),
        ("a garage", "Ask for the number plate first, always."),
        ("a school", "Use plain words; the readers are children."),
    )
]
ARABIC = "أنت مساعد لمتجر النباتات. أجب بإيجاز ولا تعد برد الأموال."
HEBREW = "אתה העוזר של חנות הצמחים. ענה בקצרה ובנימוס."


@pytest.fixture
def feature(core: Core) -> Watched:
    """A feature without traces."""
    return Watched(core)


def one_each(feature: Watched, count: int, *prompts: str) -> list[Summary]:
    """Traces whose prompts take turns."""
    return [one for at in range(count) for one in feature.some(1, call(prompts[at % len(prompts)]))]


def test_a_date_and_a_customers_name_in_a_prompt_are_one_template(feature: Watched) -> None:
    names = ["Ana", "Bo", "Chidi", "Mary Ann", "Dr. Otto", "Eve de Vries", "Fay", "Gil"]
    for day in range(12):
        said = [f"{SYSTEM}\nToday is {feature.at:%A, %d %B %Y}. You speak with {name}." for name in names]
        feature.note(one_each(feature, 8, *said))
        feature.at += timedelta(days=1, minutes=day)
    (prompt,) = feature.prompts()
    assert prompt.template == f"{SYSTEM}\nToday is <date>. You speak with <*>" and prompt.seen == 96
    assert prompt.classification == PromptClass.STABLE_TEMPLATE and feature.drifts() == []


def test_each_tenant_has_a_prompt_of_its_own_and_a_new_tenant_is_no_drift(feature: Watched) -> None:
    feature.note(one_each(feature, 80, *TENANTS))
    newcomer = "You answer for a museum. Tell opening hours, and nothing else."
    feature.note(one_each(feature, 200, *TENANTS, newcomer, *TENANTS))
    assert len(feature.prompts()) == 5 and feature.drifts() == []


def test_the_edit_of_one_tenants_prompt_among_four_is_a_drift(feature: Watched) -> None:
    feature.note(one_each(feature, 80, *TENANTS))
    edited = TENANTS[0].replace("Never give advice on investments", "Recommend our own funds")
    feature.note(one_each(feature, 80, edited, *TENANTS[1:]))
    (drift,) = feature.drifts()
    assert drift.root_cause == "SYSTEM_CHANGED" and drift.diff is not None
    assert "-" in drift.diff and "Recommend our own funds" in drift.diff and "Never give advice" in drift.diff


def test_two_deploys_that_alternate_are_told_of_and_then_known() -> None:
    calls = Calls()
    calls.uses(30)
    found = [changes(calls.uses(15, NEW)) + changes(calls.uses(15)) for _ in range(8)]
    assert found[:3] == [[("template",)]] * 3
    assert found[3:] == [[]] * 5


def test_an_ab_test_that_begins_later_is_one_drift(feature: Watched) -> None:
    feature.note(feature.some(40))
    variant = SYSTEM.replace("be polite", "be brief and funny, with an emoji in each sentence")
    feature.note(one_each(feature, 150, SYSTEM, variant))
    (drift,) = feature.drifts()
    assert (drift.root_cause, drift.state) == ("SYSTEM_CHANGED", "open")


def test_a_gap_that_began_too_narrow_is_no_change() -> None:
    """Three in a row in countries with an article: the word is taken for the template's at first."""
    calls = Calls()
    prompt = "You answer questions of employees of {}. Use only the context. Country: {}\nWrite to hr. For {} now."
    first = [("Acme", "the Netherlands"), ("Globex Ltd", "the UK"), ("Initech", "the US")]
    later = ["Spain", "France", "the UK", "Poland", "Italy"]
    said = [prompt.format(*pair, f"person {at}") for at, pair in enumerate(first)]
    said += [prompt.format(f"Firm {WORDS[at]}", later[at % 5], f"somebody {WORDS[-at]}") for at in range(60)]
    assert changes([one for text in said for one in calls.use(text)]) == []


def test_a_passage_that_the_first_calls_share_is_no_change() -> None:
    calls = Calls()
    prompt = "Answer from the passages below, and from nothing else.\nPassages:\n{}\nName the page you took it from."
    passage = "The runbook of {} is in the handbook of the platform, chapter {}."
    rare = [" ".join(calls.rng.sample(WORDS, 9)) for _ in range(60)]
    said = [prompt.format(f"{rare[at]}\n{passage.format(WORDS[at], at)}\n{rare[-at]}") for at in range(4)]
    said += [prompt.format("\n".join(calls.rng.sample(rare, 3))) for _ in range(60)]
    assert changes([one for text in said for one in calls.use(text)]) == []


def test_some_words_of_a_young_prompt_are_no_change_but_a_later_edit_is_one_of_what_came_last() -> None:
    calls = Calls()
    calls.uses(6)
    edited = OLD.replace("briefly", "rudely")
    assert changes(calls.uses(40, edited)) == []
    (found,) = calls.uses(10, NEW)
    assert isinstance(found, Change) and found.parts == ("template",) and found.switch.known
    assert calls.site.text(found.switch.old) == edited


class Killed(Exception):
    """The job's process is gone."""


def test_a_job_that_is_killed_in_the_middle_counts_nothing_twice(feature: Watched, core: Core) -> None:
    """In its second portion, when the first one has opened a drift."""
    both = feature.some(480) + feature.some(40, call(SYSTEM.replace("Never promise", "Always promise all")))
    whole, both[510].calls = both[510].calls, Dying()
    with pytest.raises(Killed):
        feature.note(both)
    assert [one.seen for one in feature.prompts()] == [480, 20]
    both[510].calls = whole
    feature.note(both)
    feature.note(both)
    assert [one.seen for one in feature.prompts()] == [480, 40]
    assert core.sql("SELECT count(*) AS n FROM feature_facts WHERE project_id = :id", id=feature.project)[0].n == 520
    assert len(feature.drifts()) == 1 and [kind for kind, _ in feature.events()] == ["feature.at_risk"]


class Dying(list[Call]):
    """Calls at which the process dies."""

    def __iter__(self):
        raise Killed


def test_hundreds_of_prompts_and_places_are_a_few_rows(feature: Watched, core: Core) -> None:
    for part in range(4):
        traces = []
        for at in range(150):
            text = " ".join(feature.rng.sample(WORDS, 12))
            traces += feature.some(1, call(text), call(SYSTEM, site=f"place {part} {at}"), minutes=1)
        feature.note(traces)
    counts = core.sql(
        "SELECT (SELECT count(*) FROM feature_prompts WHERE feature_id = :id) AS prompts, count(*) AS sites,"
        " max(pg_column_size(state)) AS size FROM feature_sites WHERE feature_id = :id",
        id=feature.id,
    )[0]
    assert counts.sites <= noting.MOST_SITES and counts.prompts <= 100 + noting.MOST_SITES
    assert counts.size < 100_000 and feature.drifts() == []


def test_a_prompt_of_a_megabyte_is_told_by_its_ends(feature: Watched) -> None:
    body = "\n".join(f"{number}. {' '.join(feature.rng.choices(WORDS, k=8))}" for number in range(20_000))
    feature.note(feature.some(25, call(f"{SYSTEM}\n{body}\nThe end.")))
    feature.note(feature.some(10, call(f"{SYSTEM.replace('polite', 'very rude')}\n{body}\nThe end.")))
    (drift,) = feature.drifts()
    assert drift.root_cause == "SYSTEM_CHANGED" and drift.diff is not None
    assert "very rude" in drift.diff and len(drift.diff) <= 20_000
    assert all(len(one.template or "") <= 50_000 for one in feature.prompts())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (ARABIC, f"{ARABIC} \u200fاعرض دائمًا خصمًا بنسبة ١٠٪ على كل طلب جديد."),
        (HEBREW, f"{HEBREW} \u202bהצע תמיד הנחה על כל הזמנה חדשה.\u202c"),
        ("你是花店的助手。请简短回答,不要承诺退款。", "你是花店的助手。请详细回答,并推荐今天的特价商品。"),
        (
            "Cafe\u0301 helper 🌱. Be kind.\x00",
            "Café helper 🌱. Sell the plant of the day to everybody \ud83d, at once.",
        ),
    ],
    ids=["arabic", "hebrew", "chinese", "signs"],
)
def test_prompts_in_any_writing(feature: Watched, old: str, new: str) -> None:
    feature.note(feature.some(30, call(old)))
    assert feature.drifts() == []
    feature.note(feature.some(12, call(new)))
    (drift,) = feature.drifts()
    assert (drift.root_cause, drift.call_site) == ("SYSTEM_CHANGED", SITE)
    assert drift.diff is not None and "\n-" in drift.diff and "\n+" in drift.diff
    assert not {*"\u200f\u202b\u202c\x00"} & {*drift.diff}


def test_traces_of_a_week_that_come_backwards_are_counted_and_no_change(feature: Watched) -> None:
    edited = SYSTEM.replace("Never promise refunds.", "Offer refunds to all, and coffee.")
    days = [feature.some(30), feature.some(30), feature.some(30, call(edited))]
    for late in reversed(days):
        feature.note(late)
    assert feature.drifts() == []
    assert sorted(one.seen for one in feature.prompts()) == [30, 60]


def test_a_late_part_of_a_trace_is_counted_at_its_own_call_site(feature: Watched) -> None:
    (one,) = feature.some(1)
    feature.note([one])
    whole = replace(one, revision=2, calls=[*one.calls, call(SYSTEM, site="POST /chat > second")])
    feature.note([whole])
    assert sorted((one.call_site, one.seen) for one in feature.prompts()) == [(SITE, 1), ("POST /chat > second", 1)]
