"""The embedding kind."""

import pytest

from infra.errors import BadInput
from schemas.embedding import EmbeddingIn, EmbeddingOut
from tests.workers.kinds.test_completion import Recorder
from workers.kinds import BY_NAME

KIND = BY_NAME["embedding"]
assert KIND.check is not None
check = KIND.check


def test_the_example_works(run):
    check(KIND.example)
    result = run(KIND.run(Recorder(), KIND.example))
    assert EmbeddingOut().validate(result) == {}
    assert len(result["embeddings"][0]) == 384


def test_a_text_alone_is_a_list_of_one(fake, run):
    ctx = Recorder()
    result = run(KIND.run(ctx, {"model": "openai/text-embedding-3-small", "input": "abc"}))
    assert result["embeddings"] == [[3.0, 1.0, 0.0]]
    assert result["usage"]["input_tokens"] == ctx.usages[0].input_tokens == 5


@pytest.mark.parametrize("wrong", ["", [], [""], ["a", 1], 5, ["a"] * 2049])
def test_texts_that_cannot_be_used_are_refused(wrong):
    assert "input" in EmbeddingIn().validate({"input": wrong})


def test_a_provider_without_embeddings_is_refused_before_it_is_a_job():
    with pytest.raises(BadInput):
        check({"model": "anthropic/claude", "input": "a"})
