"""Versions of a knowledge base: listed, compared, activated, rolled back."""

from typing import Any

from api.endpoint import Call, endpoint
from api.v1.knowledge.place import Place, at, placed
from infra.errors import MalformedId
from models import KbEntry, KbVersion
from schemas.kb_version import (
    HIGHEST,
    ActivateIn,
    DifferenceOut,
    DiffQuery,
    RollbackIn,
    VersionEntriesQuery,
    VersionEntryOut,
    VersionOut,
    VersionsQuery,
    version_view,
)
from workers.knowledge import diffs, versions
from workers.knowledge.diffs import Side
from workers.paging import PageOf

ONE = "/versions/<number>"


@at("GET", "/versions")
@endpoint(scope="kb:read", query=VersionsQuery, returns=VersionOut, page=True, errors=(404,))
@placed
def list_versions(call: Call, place: Place) -> PageOf[KbVersion]:
    """Lists the versions that are kept, are being built or have failed."""
    base = place.base()
    found = versions.list_versions(call.session, base, call.window)
    return found.map(lambda version: version_view(version, base.active_version))


@at("GET", ONE)
@endpoint(scope="kb:read", returns=VersionOut, errors=(404,))
@placed
def get_version(call: Call, place: Place, number: str) -> dict[str, Any]:
    """One version: what is in it, what it cost, how it answered the saved queries."""
    base = place.base()
    return version_view(versions.get_version(call.session, base, version_number(number)), base.active_version)


@at("GET", f"{ONE}/entries")
@endpoint(scope="kb:read", query=VersionEntriesQuery, returns=VersionEntryOut, page=True, errors=(404,))
@placed
def list_version_entries(call: Call, place: Place, number: str) -> PageOf[KbEntry]:
    """Lists the entries of a version, how far each is while it is built, and why it failed if it did."""
    state = call.query.get("state")
    return versions.list_version_entries(call.session, place.base(), version_number(number), call.window, state)


@at("GET", f"{ONE}/diff")
@endpoint(scope="kb:read", query=DiffQuery, returns=DifferenceOut, page=True, errors=(404,))
@placed
def diff_version(call: Call, place: Place, number: str) -> PageOf[KbEntry]:
    """Lists the entries in which a version differs from the active one, or from another, field by field."""
    base, against = place.base(), call.query.get("against")
    for one in (version_number(number), against):
        if one is not None:
            versions.get_version(call.session, base, one)
    sides, only = (against or base.active_version, version_number(number)), ("type", "change")
    before, after = (Side(one) for one in sides)
    return diffs.diff(call.session, base, before, after, call.window, **{one: call.query.get(one) for one in only})


@at("POST", "/activate")
@endpoint(scope="kb:write", body=ActivateIn, returns=VersionOut, errors=(403, 404, 409))
@placed
def activate_version(call: Call, place: Place) -> dict[str, Any]:
    """Makes a version the one that is served, once it passed the gate; searches see it from then on."""
    base, may_force = place.base(lock=True), "kb:review" in call.principal.scopes
    version = versions.activate(call.session, base, by=call.principal.id, may_force=may_force, body=call.body)
    return version_view(version, base.active_version)


@at("POST", "/rollback")
@endpoint(scope="kb:write", body=RollbackIn, returns=VersionOut, errors=(404, 409))
@placed
def rollback_version(call: Call, place: Place) -> dict[str, Any]:
    """Goes back to the version that was active before, or to any other that is kept; at once, and without a gate."""
    base = place.base(lock=True)
    version = versions.roll_back(call.session, base, by=call.principal.id, body=call.body)
    return version_view(version, base.active_version)


def version_number(text: str) -> int:
    """A version's number from the path; anything else names nothing."""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(HIGHEST)) and 0 < int(text) <= HIGHEST):
        raise MalformedId(f"{text[:20]!r} is not the number of a version.")
    return int(text)
