"""What users wanted and were told, in plain words."""

import pytest

from workers.features.structure import words


@pytest.mark.parametrize(
    ("said", "plain"),
    [
        ("where is order #4711 of ada@example.com?", "where is order of"),
        ("fix this:\n```python\nprint(1)\n```\nplease", "fix this: please"),
        ("why does it crash?\nimport numpy\nfor x in range(3): print(x)", "why does it crash?"),
        ("4711", "<number>"),
    ],
)
def test_values_and_code_are_left_out(said: str, plain: str) -> None:
    assert words.plain(said) == plain


def test_a_follow_up_has_what_was_said_before() -> None:
    assert words.goal("are you sure?", "cancel my order") == "are you sure?. cancel my order"
    assert words.goal("please change my delivery address", "cancel my order") == "please change my delivery address"


def test_an_answer_is_what_it_adds_to_the_question() -> None:
    said = words.reply("The yoga mat is on its way. Have a nice day!", "where are my yoga mats")
    assert said == "The it it is on its way. Have a nice day!"
