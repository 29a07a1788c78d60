"""How steady a prompt is.

- `ad_hoc`: its call site has a prompt of its own for nearly each call (15 of the last 20), and this one was seen at
  most twice; or it was seen once, and 20 other calls followed.
- `unstable`: the call site's template was changed three times within 30 days, the last time less than 7 days before
  this prompt was last seen.
- `stable_template`: seen 20 times, or 5 times on 7 different days.
- `pending`: otherwise; too little is known.

The first that fits counts. A prompt with variable parts (names, passages that were looked up) is one template, so
it is as stable as its instructions are.
"""

from models import PromptClass
from workers.features.drift.switching import DAYS, STEADY, STEADY_OVER_DAYS
from workers.features.drift.templates import FLEETING

DAY = 86_400_000
CHANGES, WITHIN, QUIET = 3, 30 * DAY, 7 * DAY


def classify(*, seen: int, days: int, last: int, after: int, loose: bool, switches: list[int]) -> PromptClass:
    """The class of a prompt that was seen so often, on so many days, `last` in milliseconds; `after` so many calls of
    its site followed. `switches` are when the site's template was changed."""
    if (loose and seen <= FLEETING) or (seen == 1 and after >= STEADY):
        return PromptClass.AD_HOC
    changes = [one for one in switches if one > last - WITHIN]
    if len(changes) >= CHANGES and max(changes) > last - QUIET:
        return PromptClass.UNSTABLE
    if seen >= STEADY or (seen >= STEADY_OVER_DAYS and days >= DAYS):
        return PromptClass.STABLE_TEMPLATE
    return PromptClass.PENDING
