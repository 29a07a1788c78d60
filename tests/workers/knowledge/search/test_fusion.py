"""One ranking out of two."""

from uuid import UUID

import pytest

from workers.knowledge.search.fusion import english_only, fuse, trust

A, B, C, D = (str(UUID(int=number)) for number in range(4))
ENGLISH, MULTILINGUAL = "sandbox", "openai/text-embedding-3-small"


def order(text, vector, weight=0.5):
    return [one.chunk_id for one in fuse(text, vector, weight)]


def test_what_both_legs_find_goes_before_what_one_finds():
    assert order([(A, 5.0), (B, 4.5), (C, 1.0)], [(D, 0.9), (B, 0.88), (C, 0.2)])[0] == B


def test_a_leg_that_is_sure_of_one_hit_moves_more_than_one_that_finds_all_alike():
    sure = [(A, 9.0), (B, 1.0), (C, 1.0)]
    others = [str(UUID(int=number)) for number in range(10, 110)]
    alike = [(one, 0.6 - at / 1000) for at, one in enumerate([C, B, *others[:30], A, *others[30:]])]
    assert order(sure, alike)[0] == A


def test_one_leg_alone_keeps_its_order_whatever_its_weight():
    assert order([(A, 2.0), (B, 1.0)], [], weight=0.9) == [A, B]
    assert order([], [(B, 0.2), (A, 0.1), (C, -0.3)], weight=0.05) == [B, A, C]
    assert [one.score for one in fuse([], [(B, 0.2)], 0.1)] == [1.0]
    assert fuse([], [], 0.5) == []


def test_a_hit_says_what_each_leg_said_of_it():
    found = {one.chunk_id: one for one in fuse([(A, 2.0)], [(B, 0.7)], 0.5)}
    assert (found[A].text, found[A].vector, found[B].text, found[B].vector) == (2.0, None, None, 0.7)


def test_a_model_of_english_is_trusted_with_english_only():
    english, arabic = "What is the height of the tower?", "كم يبلغ ارتفاع البرج؟"
    assert trust(ENGLISH, english, ["english"] * 20, 0.6) == pytest.approx(0.5)
    assert trust(ENGLISH, arabic, ["arabic"] * 20, 0.6) == pytest.approx(0.1)
    assert trust(MULTILINGUAL, arabic, ["arabic"] * 20, 0.6) == pytest.approx(0.5)


def test_where_the_question_does_not_tell_its_answers_do():
    assert trust(ENGLISH, "Eiffelturm", ["german"] * 20, 0.6) == pytest.approx(0.1)
    assert trust(ENGLISH, "Eiffel tower", ["english"] * 20, 0.6) == pytest.approx(0.5)
    assert trust(ENGLISH, "Eiffel", ["english"] * 5 + ["german"] * 15, 0.6) == pytest.approx(0.2)


def test_vectors_count_more_where_words_find_less():
    few, all_of_them = (trust(MULTILINGUAL, "a question", [], coverage) for coverage in (0.1, 1.2))
    assert all_of_them < 0.5 < few < 0.7


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("sandbox", True),
        ("local/all-minilm", True),
        ("local/nomic-embed-text:latest", True),
        ("local/bge-m3", False),
        ("local/paraphrase-multilingual-minilm-l12-v2", False),
        ("local/intfloat/multilingual-e5-large", False),
        ("local/intfloat/e5-large-v2", True),
        ("openai/text-embedding-3-large", False),
        ("openai/text-embedding-ada-002", False),
    ],
)
def test_which_models_have_learned_english_only(model, expected):
    assert english_only(model) is expected
