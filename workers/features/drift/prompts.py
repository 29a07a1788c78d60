"""The prompts of call sites as rows, written anew from what was learnt of a site whenever it has changed."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from infra import json
from workers.features.drift.classes import classify
from workers.features.drift.fingerprints import fingerprint
from workers.features.drift.normalising import shown
from workers.features.drift.sites import ANY, PARAMETERS, TOOLS, Site

Json = dict[str, Any]

LONGEST = 50_000
FORGET = text("""
DELETE FROM feature_prompts p USING jsonb_to_recordset(CAST(:sites AS jsonb))
  AS s(feature_id uuid, call_site text, ids jsonb, fingerprints jsonb)
WHERE p.project_id = :project_id AND p.feature_id = s.feature_id AND p.call_site = s.call_site
  AND (s.ids ? CAST(p.id AS text) OR s.fingerprints ? p.fingerprint)
""")
WRITE = text("""
INSERT INTO feature_prompts (id, created_at, project_id, feature_id, call_site, fingerprint, template, provider, model,
  parameters, tools, classification, seen, days, first_seen_at, last_seen_at, last_trace_id)
SELECT id, first_seen_at, :project_id, feature_id, call_site, fingerprint, template, provider, model, parameters, tools,
  classification, seen, days, first_seen_at, last_seen_at, last_trace_id
FROM jsonb_to_recordset(CAST(:prompts AS jsonb)) AS x(id uuid, feature_id uuid, call_site text, fingerprint text,
  template text, provider text, model text, parameters jsonb, tools jsonb, classification text, seen bigint, days int,
  first_seen_at timestamptz, last_seen_at timestamptz, last_trace_id uuid)
ON CONFLICT DO NOTHING
""")
SITES = text("""
INSERT INTO feature_sites (feature_id, call_site, project_id, state)
SELECT feature_id, call_site, :project_id, state FROM jsonb_to_recordset(CAST(:sites AS jsonb))
  AS x(feature_id uuid, call_site text, state jsonb)
ON CONFLICT (feature_id, call_site) DO UPDATE SET state = excluded.state
""")


def write(
    session: Session,
    project_id: UUID,
    sites: Mapping[tuple[UUID, str], Site],
    former: Mapping[tuple[UUID, str], set[str]],
) -> None:
    """Writes sites and their prompts; `former` are the ids of the prompts that each had before."""
    prompts: list[Json] = []
    replaced: list[Json] = []
    for (feature_id, call_site), site in sites.items():
        own = [_row(feature_id, call_site, site, one) for one in site.prompts.values()]
        prompts += own
        ids = {*former.get((feature_id, call_site), set()), *(one["id"] for one in own)}
        replaced.append({
            "feature_id": feature_id,
            "call_site": call_site,
            "ids": [str(UUID(one)) for one in ids],
            "fingerprints": [one["fingerprint"] for one in own],
        })  # fmt: skip
    kept = [{"feature_id": one, "call_site": name, "state": site.kept()} for (one, name), site in sites.items()]
    session.execute(SITES, {"project_id": project_id, "sites": json.dump_for_postgres(kept)})
    session.execute(FORGET, {"project_id": project_id, "sites": json.dump_for_postgres(replaced)})
    session.execute(WRITE, {"project_id": project_id, "prompts": json.dump_for_postgres(prompts)})


def _row(feature_id: UUID, call_site: str, site: Site, prompt: Json) -> Json:
    template = site.text(prompt["template"])
    parameters = _value(site, PARAMETERS, prompt["parameters"], {ANY: ANY})
    tools = _value(site, TOOLS, prompt["tools"], [ANY])
    model = None if prompt["model"] == ANY else prompt["model"] or None
    # What nobody can tell apart by what is said of it is told apart by its key.
    system = template if template is not None else (prompt["template"] or None)
    last = prompt["last"]
    switches = [one for one in site.switches if one <= last]
    after = sum(one.at > last for one in site.recent)
    known = classify(
        seen=prompt["seen"],
        days=len(prompt["days"]),
        last=last,
        after=after,
        loose=site.is_rare(prompt),
        switches=switches,
    )
    return {
        "id": prompt["id"],
        "feature_id": feature_id,
        "call_site": call_site,
        "fingerprint": fingerprint(system, model or prompt["model"] or None, parameters, tools),
        "template": None if template is None else shown(template)[:LONGEST],
        "provider": prompt["provider"],
        "model": model,
        "parameters": parameters,
        "tools": tools,
        "classification": known.value,
        "seen": prompt["seen"],
        "days": len(prompt["days"]),
        "first_seen_at": _time(prompt["first"]),
        "last_seen_at": _time(last),
        "last_trace_id": prompt["trace"],
    }


def _value(site: Site, part: str, key: str, otherwise: Any) -> Any:
    known = site.values[part].get(key)
    return known[3] if known and known[3] is not None else otherwise


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
