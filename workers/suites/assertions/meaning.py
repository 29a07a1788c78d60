"""Whether a text means what was expected: by the nearness of embeddings here, by a model in judging.py.

Nearness says that two texts speak of the same thing, which is not that they say the same of it. It costs nothing and
works offline, and it tells an answer from one on something else. It cannot see a `not`, and hardly another number or
name: where a wrong answer looks like the right one, have a model judge (`by: judge`).

The threshold is measured with the offline model on 60 pairs of short answers (tests/workers/suites/assertions). At 0.65
none of 20 answers that say something else of the same thing is taken for the expected one (at 0.60 two are), and 14 of
20 paraphrases are; the other six, which share hardly a word with what was expected, lie between 0.55 and 0.64. Of 20
that deny or change what was expected with almost its own words 19 are taken for it.
"""

from typing import Any

import numpy as np

from infra.errors import BadInput
from workers.knowledge import embedding
from workers.providers.names import SANDBOX
from workers.suites.assertions import judging
from workers.suites.assertions.outcome import Outcome, failed, passed, together
from workers.suites.assertions.plain import as_text
from workers.suites.base import Answered, World

Json = dict[str, Any]

THRESHOLD = 0.65
# The offline model reads some 3,000 tokens a second.
LONGEST = 20_000


async def same_meaning(assertion: Json, answered: Answered, world: World) -> Outcome:
    """The text means the same as the expected one, by `judge` (where a model is named) or by `embedding`."""
    by = assertion.get("by") or ("judge" if assertion.get("model") else "embedding")
    if by == "judge":
        return await judging.same_meaning(assertion, answered, world)
    return await _near(assertion, answered, world)


async def _near(assertion: Json, answered: Answered, world: World) -> Outcome:
    expected, actual = as_text(assertion["expected"]).strip(), judging.whole_text(answered).strip()
    threshold = THRESHOLD if assertion.get("threshold") is None else assertion["threshold"]
    if not actual:
        return failed("The text is empty.", expected, actual)
    longest = max(len(expected), len(actual))
    if longest > LONGEST:
        raise BadInput(
            f"Texts of up to {LONGEST} characters are compared by embeddings, not of {longest}; have a model "
            "judge (by: judge)."
        )
    model = embedding.canonical(assertion.get("model") or SANDBOX)
    # What leaves for a provider has no secrets in it.
    texts = [world.redaction.text(expected), world.redaction.text(actual)]
    vectors = await together(embedding.embed_query(world.project_id, model, one, world.ctx) for one in texts)
    score = max(0.0, round(cosine(*vectors), 4))
    details = [{"by": "embedding", "model": model, "score": score, "threshold": threshold}]
    told = f"The similarity of the text to the expected one is {score:.2f}"
    if score < threshold:
        return failed(f"{told}, less than {threshold:g}.", expected, actual, details)
    return passed(f"{told}.", expected, actual, details)


def cosine(one: list[float], other: list[float]) -> float:
    """The cosine of two vectors, between -1 and 1; 0 where one has no length."""
    first, second = np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64)
    length = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(first @ second) / length if length else 0.0
