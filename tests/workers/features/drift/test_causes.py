"""Why a feature behaves differently, and how sure that is."""

import pytest

from models import DriftSignal, RootCause
from workers.features.drift import causes
from workers.features.drift.sites import Change
from workers.features.drift.statistics import Compared
from workers.features.drift.switching import Switch
from workers.features.drift.windows import Seen

S, R = DriftSignal, RootCause


def seen(effect: float = 0.0, p: float = 0.5) -> Seen:
    return Seen(Compared(p, effect, 0, 0, 500, 200), p, 200, certain=p < 0.01)


@pytest.mark.parametrize(
    ("parts", "known", "expected"),
    [
        (("template",), True, (S.PROMPT, R.SYSTEM_CHANGED, 0.95)),
        (("template", "model"), True, (S.PROMPT, R.SYSTEM_CHANGED, 0.9)),
        (("tools",), True, (S.PROMPT, R.SYSTEM_CHANGED, 0.85)),
        (("model",), True, (S.MODEL, R.MODEL_INSTABILITY, 0.9)),
        (("template",), False, (S.PROMPT, R.NO_PREVIOUS_DATA, 0.5)),
        (("loose",), True, (S.PROMPT, R.PROMPT_AD_HOC, 0.9)),
    ],
)
def test_of_what_changed_at_a_call_site(
    parts: tuple[str, ...], known: bool, expected: tuple[DriftSignal, RootCause, float]
) -> None:
    change = Change(parts[0], parts, Switch("a", "b", 0, 1.0, known), 0, ([], []), (None, None))
    found = causes.of_change(change)
    assert (found.signal, found.root_cause, found.confidence) == expected


@pytest.mark.parametrize(
    ("signals", "inputs", "loose", "expected"),
    [
        ([S.INPUT_MEANING], seen(0.1), False, (S.INPUT_MEANING, R.USER_INTENT_CHANGED, 0.75)),
        ([S.OUTPUT_LENGTH, S.INPUT_MEANING], seen(0.3), False, (S.INPUT_MEANING, R.USER_INTENT_CHANGED, 0.9)),
        ([S.OUTPUT_LENGTH], seen(), False, (S.OUTPUT_LENGTH, R.MODEL_INSTABILITY, 0.6)),
        ([S.COST, S.OUTPUT_LENGTH, S.REFUSAL_RATE], seen(), False, (S.REFUSAL_RATE, R.MODEL_INSTABILITY, 0.7)),
        ([S.OUTPUT_MEANING], seen(0.02, 0.005), False, (S.OUTPUT_MEANING, R.MODEL_INSTABILITY, 0.4)),
        ([S.OUTPUT_MEANING], seen(), True, (S.OUTPUT_MEANING, R.PROMPT_AD_HOC, 0.6)),
        ([S.COST, S.LATENCY], seen(), False, (S.LATENCY, R.UNKNOWN, 0.3)),
        ([S.ERROR_RATE], seen(), True, (S.ERROR_RATE, R.UNKNOWN, 0.3)),
    ],
)
def test_of_signals_without_such_a_change(
    signals: list[DriftSignal], inputs: Seen, loose: bool, expected: tuple[DriftSignal, RootCause, float]
) -> None:
    found = causes.of_signals(signals, {S.INPUT_MEANING: inputs}, loose=loose)
    assert (found.signal, found.root_cause, found.confidence) == expected


def test_every_cause_can_be_weighed_against_every_other() -> None:
    assert set(causes.STRENGTH) == set(RootCause)
    assert causes.explains_more(causes.of_signals([S.INPUT_MEANING], {}, loose=False), R.MODEL_INSTABILITY)
    assert not causes.explains_more(causes.of_signals([S.COST], {}, loose=False), R.MODEL_INSTABILITY)
