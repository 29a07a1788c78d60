"""Why a feature behaves differently, and how sure that is.

- SYSTEM_CHANGED: the template of the system prompt changed, and the one before was steady: 0.95, or 0.9 if the model
  changed with it. Only parameters or tools changed: 0.85.
- MODEL_INSTABILITY: only the model changed (`evidence.changed` is `["model"]`): 0.9. The outputs changed where prompt,
  model and inputs did not (`evidence.changed` is empty): 0.6, 0.1 more for each further signal up to 0.8, and 0.2 less
  where the inputs may have moved.
- USER_INTENT_CHANGED: the inputs moved, with or without the outputs: 0.75, 0.1 more if far, 0.05 more if the outputs
  moved as well.
- PROMPT_AD_HOC: nearly each call has a prompt of its own where there was a template: 0.9. The outputs changed at call
  sites whose prompts are ad hoc, and the inputs did not: 0.6.
- NO_PREVIOUS_DATA: the prompt was replaced by another one before there was a steady one: 0.5. That a feature or a call
  site is new is no drift.
- UNKNOWN: only duration, cost or errors changed: 0.3.

What changes at about the time of another drift is part of it: `evidence.signals` has the figures. So an edit of a
prompt that makes answers longer and dearer is one drift.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from models import DriftSignal, RootCause
from workers.features.drift.sites import LOOSE, MODEL, TEMPLATE, Change
from workers.features.drift.windows import Seen

OUTPUTS = (
    DriftSignal.SCHEMA_VALIDITY,
    DriftSignal.REFUSAL_RATE,
    DriftSignal.OUTPUT_MEANING,
    DriftSignal.OUTPUT_LENGTH,
)
REST = (DriftSignal.ERROR_RATE, DriftSignal.LATENCY, DriftSignal.COST)
# What comes earlier explains what comes later.
ORDER = (DriftSignal.INPUT_MEANING, *OUTPUTS, *REST)
FAR = 0.15
MAYBE = 0.01
STRENGTH = {
    RootCause.UNKNOWN: 0,
    RootCause.NO_PREVIOUS_DATA: 1,
    RootCause.MODEL_INSTABILITY: 2,
    RootCause.PROMPT_AD_HOC: 3,
    RootCause.USER_INTENT_CHANGED: 4,
    RootCause.SYSTEM_CHANGED: 5,
}


@dataclass(frozen=True, slots=True)
class Cause:
    """The signal to file a drift under, its root cause, and how sure that is (0–1)."""

    signal: DriftSignal
    root_cause: RootCause
    confidence: float


def of_change(change: Change) -> Cause:
    """Why a call site's prompt or model is another."""
    if change.parts == (LOOSE,):
        return Cause(DriftSignal.PROMPT, RootCause.PROMPT_AD_HOC, 0.9)
    if not change.switch.known:
        signal = DriftSignal.MODEL if change.parts == (MODEL,) else DriftSignal.PROMPT
        return Cause(signal, RootCause.NO_PREVIOUS_DATA, 0.5)
    if change.parts == (MODEL,):
        return Cause(DriftSignal.MODEL, RootCause.MODEL_INSTABILITY, 0.9)
    if TEMPLATE in change.parts:
        return Cause(DriftSignal.PROMPT, RootCause.SYSTEM_CHANGED, 0.9 if MODEL in change.parts else 0.95)
    return Cause(DriftSignal.PROMPT, RootCause.SYSTEM_CHANGED, 0.85)


def of_signals(signals: Collection[DriftSignal], seen: Mapping[DriftSignal, Seen], *, loose: bool) -> Cause:
    """Why traces look different whose prompts and models do not; `seen` is what the last look said of all signals,
    `loose` whether the feature's prompts are ad hoc."""
    first = next(one for one in ORDER if one in signals)
    outputs = [one for one in OUTPUTS if one in signals]
    inputs = seen.get(DriftSignal.INPUT_MEANING)
    if first == DriftSignal.INPUT_MEANING:
        far = inputs is not None and inputs.compared.effect >= FAR
        return Cause(first, RootCause.USER_INTENT_CHANGED, round(0.75 + 0.1 * far + 0.05 * bool(outputs), 2))
    if not outputs:
        return Cause(first, RootCause.UNKNOWN, 0.3)
    if loose:
        return Cause(first, RootCause.PROMPT_AD_HOC, 0.6)
    maybe = inputs is not None and inputs.compared.p < MAYBE
    sure = min(0.8, 0.5 + 0.1 * len(outputs)) - (0.2 if maybe else 0.0)
    return Cause(first, RootCause.MODEL_INSTABILITY, round(sure, 2))


def explains_more(cause: Cause, than: str) -> bool:
    """Whether a cause says more than another."""
    return STRENGTH[cause.root_cause] > STRENGTH[RootCause(than)]
