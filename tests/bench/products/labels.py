"""What a simulated product gives: traces that know which feature they are, and the changes that may be put into it."""

from dataclasses import dataclass
from datetime import datetime

from workers.traces.base import Span

# What may happen to a feature, and why it then behaves differently (models.RootCause). Where the product cannot see
# why (the same prompt, model, inputs and outputs, but slower, dearer or broken), the honest cause is UNKNOWN.
CAUSES = {
    "system_small": "SYSTEM_CHANGED",
    "system_large": "SYSTEM_CHANGED",
    "system_sentence": "SYSTEM_CHANGED",
    "model_swapped": "MODEL_INSTABILITY",
    "output_longer": "MODEL_INSTABILITY",
    "output_refusing": "MODEL_INSTABILITY",
    "output_format": "MODEL_INSTABILITY",
    "intent_changed": "USER_INTENT_CHANGED",
    "ad_hoc": "PROMPT_AD_HOC",
    "new": "NO_PREVIOUS_DATA",
    "slower": "UNKNOWN",
    "dearer": "UNKNOWN",
    "failing": "UNKNOWN",
}


@dataclass(frozen=True)
class Change:
    """From `at` on, `feature` is changed by `kind`. Features that share a prompt share its edits: an edit of one is an
    edit of all of them. A `new` feature has no traces before, and its prompt is replaced after its first ten uses."""

    kind: str
    feature: str
    at: datetime

    @property
    def cause(self) -> str:
        """The root cause that should be named."""
        return CAUSES[self.kind]


@dataclass(slots=True)
class Labelled:
    """One trace. `feature` is None for what is no feature: probes, crawlers, one-off questions. `at` is when it began;
    `changed` the kinds of the changes that had happened to its feature by then."""

    spans: list[Span]
    feature: str | None
    at: datetime
    changed: tuple[str, ...] = ()
