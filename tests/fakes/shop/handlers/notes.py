"""Notes of the staff: plain text under a name."""

from tests.fakes.shop.call import Answer, Call
from tests.fakes.shop.handlers.answering import known

PLAIN = "text/plain; charset=utf-8"


def list_notes(call: Call) -> Answer:
    items = [{"name": name, "characters": len(text)} for name, text in sorted(call.store.notes.items())]
    return Answer(body={"items": items, "total": len(items)})


def get_note(call: Call) -> Answer:
    return Answer(body=known(call.store.notes, call.path["name"], "note"), content_type=PLAIN)


def put_note(call: Call) -> Answer:
    is_new = call.path["name"] not in call.store.notes
    call.store.notes[call.path["name"]] = call.body
    return Answer(201 if is_new else 200)


def delete_note(call: Call) -> Answer:
    known(call.store.notes, call.path["name"], "note")
    del call.store.notes[call.path["name"]]
    return Answer(204)


HANDLERS = {"listNotes": list_notes, "getNote": get_note, "putNote": put_note, "deleteNote": delete_note}
