"""Traces are noted: prompts, facts, drifts, and who is told."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from models import DriftSignal, FeatureDrift, PromptClass, RootCause
from tests.workers.features import rows
from tests.workers.features.drift.noticing import SITE, SYSTEM, WORDS, Watched, call
from tests.workers.jobs.conftest import Core

EDITED = SYSTEM.replace("Never promise refunds.", "Offer a refund whenever someone is unhappy, and mention our sale.")
OTHER = """der vertrag endet nach zwei jahren ohne bitte pruefen sie die klausel im anhang""".split()  # noqa: SIM905


@pytest.fixture
def feature(core: Core) -> Watched:
    """A feature without traces."""
    return Watched(core)


def told(drift: FeatureDrift) -> tuple[str, str]:
    return drift.signal, drift.root_cause


def answering(feature: Watched, words: int, start: str = "") -> list[Any]:
    """Traces with answers of about so many words."""
    made = []
    for _ in range(250):
        said = " ".join(feature.rng.choices(WORDS, k=words + feature.rng.randint(0, words)))
        made += feature.some(1, call(answer=start + said))
    return made


def test_a_prompt_is_kept_with_its_fingerprint_and_class(feature: Watched) -> None:
    feature.note(feature.some(25))
    (prompt,) = feature.prompts()
    assert (prompt.call_site, prompt.template, prompt.model) == (SITE, SYSTEM, "gpt-4o")
    assert (prompt.seen, prompt.days, prompt.classification) == (25, 1, PromptClass.STABLE_TEMPLATE)
    assert len(prompt.fingerprint) == 64
    assert prompt.first_seen_at < prompt.last_seen_at


def test_an_edited_prompt_puts_the_feature_at_risk_with_a_diff_and_its_tests(feature: Watched, core: Core) -> None:
    case = core.do(rows.case, feature.project, feature.id)
    feature.note(feature.some(30))
    noted = feature.note(feature.some(8, call(EDITED)))
    (drift,) = feature.drifts("open")
    assert (noted.drifts, noted.at_risk, feature.at_risk) == ([drift.id], [feature.id], True)
    assert (told(drift), drift.confidence, drift.call_site) == (("prompt", "SYSTEM_CHANGED"), 0.95, SITE)
    assert drift.diff is not None and "-Never promise refunds." in drift.diff
    assert "+Offer a refund whenever someone is unhappy, and mention our sale." in drift.diff
    assert drift.before["template"] == SYSTEM and drift.after["template"] == EDITED
    ((kind, said),) = feature.events()
    assert (kind, said["root_cause"], said["test_case_ids"]) == (
        "feature.at_risk",
        "SYSTEM_CHANGED",
        [f"tc_{case.hex}"],
    )


def test_the_same_traces_again_change_nothing(feature: Watched, core: Core) -> None:
    both = feature.some(30) + feature.some(10, call(EDITED))
    first = feature.note(both)
    again = feature.note(both[::-1])
    assert len(first.drifts) == 1 and again.drifts == []
    assert [one.seen for one in feature.prompts()] == [30, 10]
    assert len(feature.events()) == 1
    assert core.sql("SELECT count(*) AS n FROM feature_facts WHERE project_id = :id", id=feature.project)[0].n == 40


def test_a_newer_revision_of_a_trace_replaces_its_facts_and_counts_its_prompts_once(
    feature: Watched, core: Core
) -> None:
    (one,) = feature.some(1)
    feature.note([one])
    one.revision, one.failed = 2, True
    feature.note([one])
    (fact,) = core.sql("SELECT failed, revision FROM feature_facts WHERE project_id = :id", id=feature.project)
    assert (fact.failed, fact.revision, feature.prompts()[0].seen) == (True, 2, 1)


def test_secrets_in_prompts_are_kept_from_rows_events_and_diffs(feature: Watched) -> None:
    feature.note(feature.some(30))
    feature.note(feature.some(10, call(f"{EDITED} The password is hunter-two, and write to anna@example.com.")))
    (drift,) = feature.drifts()
    shown = f"{drift.diff} {drift.after} {[one.template for one in feature.prompts()]} {feature.events()}"
    assert "hunter" not in shown and "anna@" not in shown and "<secret>" in shown


def test_the_old_prompt_again_resolves_the_drift_and_nothing_is_compared_with_what_was_between(
    feature: Watched, core: Core
) -> None:
    feature.note(feature.some(30))
    feature.note(feature.some(20, call(EDITED)))
    feature.note(feature.some(20))
    (drift,) = feature.drifts()
    assert (drift.state, (drift.resolution or {})["by"], feature.at_risk) == ("resolved", "recovered", False)
    assert [kind for kind, _ in feature.events()] == ["feature.at_risk", "feature.resolved"]


def test_another_edit_while_one_is_open_is_part_of_the_same_drift(feature: Watched) -> None:
    feature.note(feature.some(30))
    feature.note(feature.some(25, call(EDITED)))
    feature.note(feature.some(25, call("Sing a song about parcels, whatever the customer wants to know from you.")))
    (drift,) = feature.drifts()
    assert drift.diff is not None and "+Sing a song" in drift.diff and "-You are the assistant" in drift.diff
    assert drift.evidence["history"][0]["after"]["template"] == EDITED


def test_another_model_is_named_as_such(feature: Watched) -> None:
    feature.note(feature.some(30))
    feature.note(feature.some(10, call(model="gpt-4.1")))
    (drift,) = feature.drifts()
    assert (told(drift), drift.evidence["changed"]) == (("model", "MODEL_INSTABILITY"), ["model"])
    assert drift.summary == f"The model at {SITE} changed from gpt-4o to gpt-4.1; the prompt did not."


def test_prompts_that_are_improvised_from_a_day_on(feature: Watched) -> None:
    feature.note(feature.some(40))
    improvised = [feature.some(1, call(" ".join(feature.rng.sample(WORDS + OTHER, 15))))[0] for _ in range(40)]
    feature.note(improvised)
    assert [told(one) for one in feature.drifts()] == [("prompt", "PROMPT_AD_HOC")]
    assert PromptClass.AD_HOC in {one.classification for one in feature.prompts()}


def test_a_prompt_that_is_edited_before_there_was_a_steady_one(feature: Watched) -> None:
    feature.note(feature.some(4))
    feature.note(feature.some(15, call(EDITED)))
    assert [told(one) for one in feature.drifts()] == [("prompt", "NO_PREVIOUS_DATA")]


CASES: list[tuple[Callable[[Watched], list[Any]], DriftSignal, RootCause]] = [
    (lambda one: answering(one, 30), DriftSignal.OUTPUT_LENGTH, RootCause.MODEL_INSTABILITY),
    (
        lambda one: one.some(250, goal=lambda: " ".join(one.rng.sample(OTHER, 8))),
        DriftSignal.INPUT_MEANING,
        RootCause.USER_INTENT_CHANGED,
    ),
    (lambda one: one.some(250, failed=lambda: one.rng.random() < 0.2), DriftSignal.ERROR_RATE, RootCause.UNKNOWN),
    (
        lambda one: one.some(250, duration_ms=lambda: 1800 * one.rng.lognormvariate(0, 0.3)),
        DriftSignal.LATENCY,
        RootCause.UNKNOWN,
    ),
]


@pytest.mark.parametrize(("changed", "signal", "cause"), CASES)
def test_what_changes_without_the_prompt(
    feature: Watched, changed: Callable[[Watched], list[Any]], signal: DriftSignal, cause: RootCause
) -> None:
    feature.note(feature.some(400))
    assert feature.drifts() == []
    at = feature.at
    feature.note(changed(feature))
    (drift,) = feature.drifts()
    assert signal in (drift.signal, *drift.evidence["signals"])
    assert (drift.root_cause, drift.call_site, drift.diff) == (cause, None, None)
    assert abs(drift.since - at) < timedelta(hours=5)
    figures = drift.evidence["signals"][drift.signal]
    assert figures["n_before"] >= 100 and figures["q"] <= 0.05
    assert len(drift.evidence["trace_ids"]["after"]) == 5


def test_answers_that_an_edited_prompt_made_longer_are_part_of_its_drift(feature: Watched) -> None:
    feature.note(feature.some(400))
    longer = answering(feature, 30)
    for one in longer:
        one.calls[0].texts.system = EDITED
    feature.note(longer)
    (drift,) = feature.drifts()
    assert told(drift) == ("prompt", "SYSTEM_CHANGED")
    assert "output_length" in drift.evidence["signals"]


def test_durations_that_are_as_they_were_resolve_the_drift(feature: Watched) -> None:
    feature.note(feature.some(400))
    feature.note(feature.some(200, duration_ms=lambda: 2500 * feature.rng.lognormvariate(0, 0.3)))
    assert feature.at_risk
    feature.note(feature.some(400))
    (drift,) = feature.drifts()
    assert (drift.state, (drift.resolution or {})["by"], feature.at_risk) == ("resolved", "recovered", False)


def test_traces_that_come_late_and_a_clock_of_2070_do_not_disturb(feature: Watched) -> None:
    usual = feature.some(500)
    feature.rng.shuffle(usual)
    ahead = feature.some(3)
    for one in ahead:
        one.started_at = one.started_at.replace(year=2070)
    for at in range(0, 500, 100):
        feature.note([*usual[at : at + 100], *ahead])
    assert feature.drifts() == []
    assert feature.prompts()[0].seen == 503


def test_a_feature_that_was_merged_meanwhile_is_noted_as_the_other(feature: Watched, core: Core) -> None:
    other = core.do(rows.feature, feature.project, "Other")
    core.sql("UPDATE features SET merged_into = :id, state = 'merged' WHERE id = :own", id=feature.id, own=other)
    feature.note(feature.some(3), other)
    assert feature.prompts()[0].feature_id == feature.id


def test_a_feature_that_is_gone_is_left_out(feature: Watched) -> None:
    noted = feature.note(feature.some(3), feature.project)
    assert (noted.drifts, noted.at_risk, feature.prompts()) == ([], [], [])
