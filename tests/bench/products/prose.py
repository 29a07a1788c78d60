"""Texts that users hand in: documents, transcripts, code, tickets; each kind in an ordinary and in a shifted vein."""

import json
from collections.abc import Callable
from random import Random

from tests.bench.products.slots import Slots, lists


def sentences(slots: Slots, count: int, vein: str = "plain") -> list[str]:
    """Sentences about anything (`plain`), or of one trade (`legal`, `medical`)."""
    shapes, rng = lists()[f"sentence{vein}"], slots.rng
    made = []
    for _ in range(count):
        fresh = Slots(rng)
        made.append(fresh.fill(rng.choice(shapes)))
    return made


def anything(slots: Slots, shifted: bool) -> str:
    """A text for a translator."""
    rng = slots.rng
    short, long = (4, 9) if shifted else (1, 6)
    return " ".join(sentences(slots, rng.randint(short, long), "legal" if shifted else "plain"))


def reviews(slots: Slots, shifted: bool) -> str:
    """Customers' reviews of one thing; shifted: of deliveries instead."""
    rng = slots.rng
    shapes = lists()["reviewshifted" if shifted else "review"]
    lines = [
        f"- {rng.randint(1, 5)} stars: {Slots(rng, thing=slots['thing']).fill(rng.choice(shapes))}"
        for _ in range(rng.randint(3, 9))
    ]
    return f"Reviews of {slots['thing']}:\n" + "\n".join(lines)


def invoice(slots: Slots, shifted: bool) -> str:
    """An invoice as text; shifted: medical bills."""
    rng = slots.rng
    goods = lists()["treatment" if shifted else "goods"]
    lines = [f"{rng.randint(1, 20)} x {rng.choice(goods)}  {Slots(rng)['amount']}" for _ in range(rng.randint(1, 7))]
    head = slots.fill("<company>\n<street> <number>, <city>\nInvoice <order>  Date <date>\nBill to: <company2>\n")
    return head + "\n".join(lines) + slots.fill("\nTotal <amount>\nDue within <number> days. IBAN DE<big>")


def transcript(slots: Slots, shifted: bool) -> str:
    """A meeting; shifted: interviews of candidates."""
    rng = slots.rng
    people = [rng.choice(lists()["name"]) for _ in range(rng.randint(2, 5))]
    shapes = lists()["meetingshifted" if shifted else "meeting"]
    return "\n".join(f"{rng.choice(people)}: {Slots(rng).fill(rng.choice(shapes))}" for _ in range(rng.randint(6, 18)))


def resume(slots: Slots, shifted: bool) -> str:
    """A curriculum vitae; shifted: of nurses, not of engineers."""
    rng = slots.rng
    skills = lists()["nursing" if shifted else "skill"]
    jobs = [Slots(rng).fill("<year>: <role> at <company>, <city>") for _ in range(rng.randint(2, 5))]
    return slots.fill("<name> <surname>, <city>\n") + "\n".join([*jobs, "Skills: " + ", ".join(rng.sample(skills, 5))])


def expense(slots: Slots, shifted: bool) -> str:
    """A line of an expense report."""
    shapes = lists()["expenseshifted" if shifted else "expense"]
    return slots.fill(slots.rng.choice(shapes))


def ticket(slots: Slots, shifted: bool) -> str:
    """A ticket of a tracker; shifted: questions about invoices, not bugs."""
    rng = slots.rng
    shapes = lists()["ticketshifted" if shifted else "ticket"]
    body = " ".join(Slots(rng).fill(rng.choice(shapes)) for _ in range(rng.randint(1, 4)))
    return slots.fill(f"[<ticket>] {slots.fill(rng.choice(shapes))}\n\n{body}\nReported by <name>")


def log(slots: Slots, shifted: bool) -> str:
    """Lines of a log around a failure."""
    rng, shapes = slots.rng, lists()["logshifted" if shifted else "log"]
    return "\n".join(
        Slots(rng).fill(f"2026-0{rng.randint(1, 9)}-{rng.randint(10, 28)}T<time>:12Z {rng.choice(shapes)}")
        for _ in range(rng.randint(5, 20))
    )


def code(slots: Slots, shifted: bool) -> str:
    """Some lines of a program."""
    rng = slots.rng
    shapes = lists()["sql" if shifted else "code"]
    return "\n".join(Slots(rng).fill(rng.choice(shapes)) for _ in range(rng.randint(2, 9)))


def diff(slots: Slots, shifted: bool) -> str:
    """A pull request; shifted: of infrastructure files."""
    rng = slots.rng
    file = slots.fill(
        "infra/<noun>.tf" if shifted else rng.choice(("src/<noun>/<noun2>.py", "web/<noun>.ts", "lib/<noun>.go"))
    )
    lines = [f"{rng.choice('+-+ ')} {line}" for line in code(slots, shifted).splitlines()]
    title = slots.fill(rng.choice(lists()["commit"]))
    return f"PR #{slots['pr']}: {title}\n--- a/{file}\n+++ b/{file}\n" + "\n".join(lines)


def commits(slots: Slots, shifted: bool) -> str:
    """Merged pull requests since a release."""
    rng, shapes = slots.rng, lists()["commit"]
    lines = [Slots(rng).fill(f"<sha> {rng.choice(shapes)} (#<pr>)") for _ in range(rng.randint(4, 15))]
    return slots.fill("Changes since <version>:\n") + "\n".join(lines)


def asked_code(slots: Slots, shifted: bool) -> str:
    """A build that failed."""
    return slots.fill("Pipeline <big> of <noun> failed at stage <stage>.\n") + log(slots, shifted)


def packages(slots: Slots, shifted: bool) -> str:
    """A package to be brought up to date."""
    return slots.fill("Upgrade <package> from <version> to <version2> in repository <noun>-<noun2>.")


def incident(slots: Slots, shifted: bool) -> str:
    """What was written in an incident's channel."""
    rng, shapes = slots.rng, lists()["meetingshifted" if shifted else "incident"]
    return "\n".join(
        f"[{Slots(rng)['time']}] {rng.choice(lists()['name'])}: {Slots(rng).fill(rng.choice(shapes))}"
        for _ in range(rng.randint(4, 14))
    )


def call(slots: Slots, shifted: bool) -> str:
    """A telephone call with a traveller."""
    rng, shapes = slots.rng, lists()["calllines"]
    return "\n".join(
        f"{rng.choice(('Agent', 'Caller'))}: {Slots(rng).fill(rng.choice(shapes))}" for _ in range(rng.randint(6, 16))
    )


def needle(slots: Slots, shifted: bool) -> str:
    """Words for a search box."""
    rng = slots.rng
    pool = lists()["treatment" if shifted else "topic"]
    return slots.fill(
        rng.choice(("<t1>", "<t1> <year>", "<t1> and <t2>", "<company> <t1>"))
        .replace("<t1>", rng.choice(pool))
        .replace("<t2>", rng.choice(pool))
    )


KINDS: dict[str, Callable[[Slots, bool], str]] = {
    "anything": anything,
    "reviews": reviews,
    "invoice": invoice,
    "transcript": transcript,
    "resume": resume,
    "expense": expense,
    "ticket": ticket,
    "log": log,
    "diff": diff,
    "commits": commits,
    "build": asked_code,
    "packages": packages,
    "incident": incident,
    "call": call,
    "needle": needle,
}


def improvised(slots: Slots) -> str:
    """A system prompt that somebody wrote for this one call."""
    rng = slots.rng
    pieces = rng.sample(lists()["improvised"], rng.randint(2, 5)) + sentences(slots, rng.randint(1, 3))
    rng.shuffle(pieces)
    return " ".join(Slots(rng).fill(piece) for piece in pieces)


def unstructured(text: str, rng: Random) -> str:
    """JSON as a model gives it that forgot that it must: half of the time it cannot be read."""
    if rng.random() < 0.4:
        return text
    if rng.random() < 0.5:
        return "Here is what I found:\n" + "\n".join(f"- {key}: {value}" for key, value in json.loads(text).items())
    return f"Sure! The result is below.\n```json\n{text[: len(text) * 2 // 3]}"


def as_markdown(text: str, rng: Random) -> str:
    """The same said in headings and points."""
    points = [f"* **{rng.choice(('Note', 'Step', 'Detail'))}:** {piece}" for piece in text.split(". ")]
    return "## Answer\n\n" + "\n".join(points) + "\n\n| key | value |\n| --- | --- |\n| status | done |"
