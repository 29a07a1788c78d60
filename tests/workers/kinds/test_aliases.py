"""Second names of events, in the words of a kind's domain."""

from dataclasses import replace

import pytest

from models import JobStatus
from schemas.catalogue import EVENT_TYPES
from workers.kinds import completion
from workers.kinds.aliases import WORDS, alias


def test_every_event_of_a_job_has_a_word_of_its_own_and_no_other_event_has() -> None:
    assert set(WORDS) == {one.name for one in EVENT_TYPES if one.family == "job"}
    assert len(set(WORDS.values())) == len(WORDS) > len(JobStatus)


@pytest.mark.parametrize(
    ("kind", "event_type", "name"),
    [
        ("completion", "job.succeeded", "completion:complete"),
        ("completion", "job.delta", "completion:delta"),
        ("embedding", "job.failed", "embedding:error"),
        ("gone.long.ago", "job.started", "gone:long:ago:start"),
        ("completion", "batch.completed", None),
        (None, "job.succeeded", None),
    ],
)
def test_an_alias_is_the_kinds_topic_and_the_states_word(kind: str | None, event_type: str, name: str | None) -> None:
    assert alias(kind, event_type) == name


def test_a_kind_may_say_how_its_aliases_begin() -> None:
    upload = replace(completion.KIND, name="openapi.ingest", alias="kb:upload-openapi")
    assert alias("openapi.ingest", "job.succeeded", {upload.name: upload}) == "kb:upload-openapi:complete"
