"""What prompts of a call site have in common, and where they vary."""

from random import Random

from workers.features.drift.templates import Templates, merge

NAMES = ["Anna", "Bob", "Carl Smith", "Dora Lee", "Eve", "Frank", "Gina Maria Lopez"]
PASSAGES = [
    "Things can be sent back within 30 days of arrival.",
    "Shipping to the islands takes ten days and costs more.",
    "Our shop opens at nine and closes at six on weekdays.",
    "Vouchers are valid for three years after they were bought.",
]


def prompt(rng: Random, sentences: int = 3) -> str:
    """Instructions around a name, a plan and passages."""
    passages = "\n".join(rng.sample(PASSAGES, rng.randint(1, 4)))
    plan = rng.choice(["gold", "silver", "basic"])
    return (
        f"You are the assistant of a shop.\nThe customer is {rng.choice(NAMES)} and has plan {plan}.\n"
        f"Answer in at most {sentences} sentences. Never promise refunds.\n{passages}\nBe polite."
    )


def test_personal_prompts_are_one_template() -> None:
    rng, templates = Random(1), Templates()
    found = [templates.take(prompt(rng), at) for at in range(100)]
    assert len(templates.known) == 1
    assert found[-1].text == (
        "You are the assistant of a shop.\nThe customer is <*> and has plan <*>\n"
        "Answer in at most 3 sentences. Never promise refunds.\n<**>\nBe polite."
    )
    assert found[-1].seen == 100


def test_an_edit_of_one_word_in_them_is_another_template_from_its_first_use() -> None:
    rng, templates = Random(1), Templates()
    before = {templates.take(prompt(rng), at).id for at in range(50)} - templates.gone.keys()
    after = {templates.take(prompt(rng, sentences=5), at).id for at in range(50, 100)}
    assert len(before) == len(after) == 1 and before != after


def test_a_sentence_put_behind_a_gap_is_another_template() -> None:
    templates = Templates()
    for at, name in enumerate(NAMES * 5):
        first = templates.take(f"Greet {name}\nHelp them with what they bought.", at)
    edited = "Greet {}\nAlways answer in German and be very brief.\nHelp them with what they bought."
    added = {templates.take(edited.format(name), 40).id for name in NAMES}
    assert first.id not in added and len(added) == 1


def test_two_values_are_two_templates_and_the_third_makes_a_gap() -> None:
    templates = Templates()
    said = "Answer briefly and politely in {} whatever the customer asks."
    first, second = (templates.take(said.format(one), 0) for one in ("English", "German"))
    assert first is not second
    assert templates.take(said.format("French"), 2).text == said.format("<*>")
    assert len(templates.known) == 1


def test_a_well_known_template_does_not_get_a_gap_from_two_edits_in_a_row() -> None:
    templates = Templates()
    said = "Answer briefly and politely, with at most {} sentences, whatever the customer asks."
    for at in range(30):
        templates.take(said.format("three"), at)
    later = [templates.take(said.format(one), 30).text for one in ("four", "five")]
    assert later == [said.format("four"), said.format("five")]


def test_texts_with_little_in_common_are_templates_of_their_own_and_the_rarest_go() -> None:
    rng, templates = Random(2), Templates()
    words = [f"word{number}" for number in range(3_000)]
    steady = "Always be kind to the people who ask you for help today."
    for at in range(60):
        templates.take(" ".join(rng.sample(words, 30)), at)
        templates.take(steady, at)
        templates.crowded_out()
    assert len(templates.known) <= 24
    assert steady in [one.text for one in templates.known]


def test_what_is_kept_goes_on_where_it_was() -> None:
    rng, templates = Random(3), Templates()
    for at in range(40):
        templates.take(prompt(rng), at)
    again = Templates([one.kept() for one in templates.known])
    assert again.take(prompt(rng), 41).id == templates.known[0].id


def test_a_lone_word_between_gaps_is_chance() -> None:
    assert merge("red one of them", "blue one by us") == "<*>"
    assert merge("", "something") == "<*>"


def test_a_line_without_end_is_told_by_both_its_ends() -> None:
    words = [f"word{number}" for number in range(400)]
    one, other = (" ".join(["Be kind.", *Random(seed).sample(words, 400), "Never lie."]) for seed in (1, 2))
    assert merge(one, other) == "Be kind. <*> Never lie."
