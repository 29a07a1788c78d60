"""What a model name means."""

import pytest

from infra.errors import ModelNotFound
from workers.providers import names
from workers.providers.names import Target


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("sandbox", Target("sandbox", "sandbox")),
        ("sandbox/slow", Target("sandbox", "sandbox/slow")),
        ("openai/gpt-4o", Target("openai", "gpt-4o")),
        ("openrouter/meta-llama/llama-3", Target("openrouter", "meta-llama/llama-3")),
        ("local/qwen3:8b", Target("local", "qwen3:8b")),
        (None, Target("sandbox", "sandbox")),
        ("", Target("sandbox", "sandbox")),
    ],
)
def test_a_name_is_a_provider_and_its_model(name, target):
    assert names.target(name) == target


@pytest.mark.parametrize("name", ["nobody/model", "openai/", "replicate/flux"])
def test_a_name_that_means_nothing_is_refused(name):
    with pytest.raises(ModelNotFound):
        names.target(name)
