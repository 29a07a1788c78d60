"""Descriptions that a model adds to."""

import json

from tests.workers.specs.ingesting_specs import Ctx, counts, pets


def test_a_model_adds_words_and_is_not_asked_twice(reads):
    first = reads(pets(), describe_with="sandbox")
    assert first["descriptions"] == {"written": 3, "failed": 0}
    assert len(reads.ctx.usages) == 3
    entry = reads.entries()["GET /health"]
    assert entry.content["enriched"]["model"] == "sandbox"
    assert len(entry.content["enriched"]["questions"]) >= 3
    assert "## In other words" in entry.text
    again = reads(json.dumps(pets(), indent=1), describe_with="sandbox")
    assert (counts(again), reads.ctx.usages) == ((0, 0, 0, 3), [])
    # Nor does reading it without the model take the words away.
    assert counts(reads(json.dumps(pets(), indent=3))) == (0, 0, 0, 3)
    changed = pets()
    changed["paths"]["/health"]["get"]["summary"] = "Is it well"
    assert counts(reads(changed, describe_with="sandbox")) == (0, 1, 0, 2)
    assert len(reads.ctx.usages) == 1


def test_a_model_that_fails_leaves_the_written_description(reads, fake):
    result = reads(pets(), describe_with="openai/fail-401")
    assert result["descriptions"] == {"written": 0, "failed": 3}
    assert {one["code"] for one in result["warnings"]} == {"description_provider_auth"}
    assert reads.entries()["GET /health"].text.startswith("# GET /health: Is it up")


def test_a_limit_of_cost_leaves_the_rest_as_written(reads, fake):
    result = reads(pets(), describe_with="openai/gpt-4o-mini", ctx=Ctx(reads.knowledge.project, max_cost=0))
    assert result["descriptions"] == {"written": 0, "failed": 3}
    assert fake.calls == []
