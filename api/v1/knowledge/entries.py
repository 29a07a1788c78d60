"""Entries of a knowledge base: what is edited is its draft, what is served its active version."""

from typing import Any

from api.body import loaded
from api.endpoint import Call, endpoint
from api.v1.knowledge.place import Place, at, placed
from models import ENTRY_PREFIX, KbEntry, KbRevision
from schemas.kb_entry import (
    COLLECTIONS,
    ActiveEntriesQuery,
    DraftEntriesQuery,
    EntryIn,
    EntryOut,
    EntryPatch,
    RemoveEntryQuery,
    RevisionOut,
    RevisionsQuery,
    WholeEntryOut,
)
from workers.knowledge import authoring, entries
from workers.knowledge.entries import Filters
from workers.paging import PageOf

Json = dict[str, Any]

LIST = "/<any(apis, tables, documents):collection>"
ONE = f"{LIST}/<entry_id>"


@at("GET", f"/draft{LIST}", name="list_draft_entries")
@at("GET", LIST)
@endpoint(scope="kb:read", query=DraftEntriesQuery, returns=EntryOut, page=True, errors=(404,))
@placed
def list_entries(call: Call, place: Place, collection: str) -> PageOf[KbEntry]:
    """Lists the entries of the draft, and with `change=removed` those that it no longer has."""
    return entries.list_draft(call.session, place.base(), COLLECTIONS[collection], call.window, _filters(call))


@at("POST", f"/draft{LIST}", name="create_draft_entry")
@at("POST", LIST)
@endpoint(scope="kb:write", body=EntryIn, returns=WholeEntryOut, status=201, errors=(404, 409))
@placed
def create_entry(call: Call, place: Place, collection: str) -> Json:
    """Adds an entry to the draft: an operation, a table or a document, as the address says."""
    body = loaded(EntryIn.one_of[collection](), call.body, "request body")
    base = place.base(lock=True)
    content = authoring.written(call.session, base, COLLECTIONS[collection], body)
    return entries.create(call.session, base, content, source=body["source"], by=call.principal.id)


@at("GET", f"/draft{ONE}", name="get_draft_entry")
@at("GET", ONE)
@endpoint(scope="kb:read", returns=WholeEntryOut, errors=(404,))
@placed
def get_entry(call: Call, place: Place, collection: str, entry_id: str) -> Json:
    """One entry of the draft with all it says."""
    type = COLLECTIONS[collection]
    return entries.get_draft(call.session, place.base(), type, call.id(ENTRY_PREFIX[type], entry_id))


@at("PATCH", f"/draft{ONE}", name="change_draft_entry")
@at("PATCH", ONE)
@endpoint(scope="kb:write", body=EntryPatch, returns=WholeEntryOut, errors=(404, 409))
@placed
def change_entry(call: Call, place: Place, collection: str, entry_id: str) -> Json:
    """Changes the fields that are sent, in the draft; what says the same as before is not written."""
    body = loaded(EntryPatch.one_of[collection](), call.body, "request body")
    type, base = COLLECTIONS[collection], place.base(lock=True)
    found = call.id(ENTRY_PREFIX[type], entry_id)
    entry, said = entries.present(call.session, base, type, found, body.pop("expected_revision", None))
    content = authoring.changed(call.session, base, said, body)
    return entries.change(call.session, base, entry, content, by=call.principal.id)


@at("DELETE", f"/draft{ONE}", name="remove_draft_entry")
@at("DELETE", ONE)
@endpoint(scope="kb:write", query=RemoveEntryQuery, returns=WholeEntryOut, errors=(404, 409))
@placed
def remove_entry(call: Call, place: Place, collection: str, entry_id: str) -> Json:
    """Takes an entry out of the draft and answers with it as it was; versions keep it."""
    type, expected = COLLECTIONS[collection], call.query.get("expected_revision")
    found = call.id(ENTRY_PREFIX[type], entry_id)
    return entries.remove(call.session, place.base(lock=True), type, found, expected)


@at("GET", f"{ONE}/revisions")
@endpoint(scope="kb:read", query=RevisionsQuery, returns=RevisionOut, page=True, errors=(404,))
@placed
def list_entry_revisions(call: Call, place: Place, collection: str, entry_id: str) -> PageOf[KbRevision]:
    """Lists what an entry said at its times, as long as that is kept."""
    type = COLLECTIONS[collection]
    found = call.id(ENTRY_PREFIX[type], entry_id)
    return entries.list_revisions(call.session, place.base(), type, found, call.window)


@at("GET", f"/active{LIST}")
@endpoint(scope="kb:read", query=ActiveEntriesQuery, returns=EntryOut, page=True, errors=(404, 409))
@placed
def list_active_entries(call: Call, place: Place, collection: str) -> PageOf[KbEntry]:
    """Lists the entries of the active version."""
    return entries.list_active(call.session, place.base(), COLLECTIONS[collection], call.window, _filters(call))


@at("GET", f"/active{ONE}")
@endpoint(scope="kb:read", returns=WholeEntryOut, errors=(404, 409))
@placed
def get_active_entry(call: Call, place: Place, collection: str, entry_id: str) -> Json:
    """One entry as the active version has it."""
    type = COLLECTIONS[collection]
    return entries.get_active(call.session, place.base(), type, call.id(ENTRY_PREFIX[type], entry_id))


def _filters(call: Call) -> Filters:
    return Filters(**{name: call.query.get(name) for name in ("source", "tag", "q", "change")})
