"""The kind that builds knowledge bases."""

import pytest
from marshmallow import ValidationError

from infra.errors import BadInput, ModelNotFound
from schemas.base import pointers
from schemas.rag_build import RagBuildIn
from workers.kinds import BY_NAME

KIND = BY_NAME["rag.build"]
assert KIND.check is not None
assert KIND.serial is not None
check, serial = KIND.check, KIND.serial


def test_the_example_is_accepted():
    assert RagBuildIn().validate(KIND.example) == {}
    check(KIND.example)


def test_builds_of_one_knowledge_base_wait_for_each_other():
    base = {"knowledge_base_id": "kb_0190"}
    assert serial({**base, "activate": True}) == serial(base) == "rag.build:kb_0190"
    assert serial({}) != serial(base)


@pytest.mark.parametrize(
    ("model", "error"), [("anthropic/claude", BadInput), ("nobody/model", ModelNotFound), ("openai/", ModelNotFound)]
)
def test_a_model_that_makes_no_vectors_is_refused(model, error):
    with pytest.raises(error) as refused:
        check({"embedding_model": model})
    assert [one["pointer"] for one in refused.value.errors] == ["/input/embedding_model"]


def test_full_text_alone_is_a_choice():
    check({"embedding_model": None})
    assert RagBuildIn().load({"embedding_model": None})["embedding_model"] is None


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"knowledge_base_id": "proj_1"}, "/knowledge_base_id"),
        ({"chunking": {"max_tokens": 5}}, "/chunking/max_tokens"),
        ({"chunking": {"sentences": 5}}, "/chunking/sentences"),
        ({"activate": "yes"}, "/activate"),
        ({"fast": True}, "/fast"),
    ],
)
def test_what_is_wrong_is_said_at_its_place(wrong, pointer):
    with pytest.raises(ValidationError) as refused:
        RagBuildIn().load(wrong)
    assert [one["pointer"] for one in pointers(refused.value.messages)] == [pointer]
