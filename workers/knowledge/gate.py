"""The gate: what a version must reach before it is activated without force. It reads stored figures only.

- No entry failed, unless the settings allow that.
- It has at least 80 % of the chunks of the active version.
- Recall@k and nDCG@10 of the saved queries do not fall by more than `gate.max_drop`, both versions measured with the
  same queries. Without saved queries, or without an active version, there is nothing to compare.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from infra.errors import GateRefused
from models import KbVersion, KnowledgeBase

Json = dict[str, Any]
Problem = dict[str, str]

FEWEST_CHUNKS = 0.8
FIGURES = {"recall_at_k": "Recall@{k}", "ndcg_at_10": "nDCG@10"}
NOT_EVALUATED = (
    "Version {version} and the active version {active} were not evaluated with the same saved queries; have that done "
    "first (POST …/evaluate), or build again."
)
# The newest figures that both versions have of the same queries; no row where no query is saved.
COMPARED = text("""
SELECT c.version, c.active
FROM (SELECT FROM kb_queries WHERE knowledge_base_id = :kb LIMIT 1) q LEFT JOIN LATERAL (
  SELECT v.metrics AS version, a.metrics AS active
  FROM kb_evaluations v JOIN kb_evaluations a
    ON a.knowledge_base_id = v.knowledge_base_id AND a.query_set = v.query_set AND a.version = :active
  WHERE v.knowledge_base_id = :kb AND v.version = :version
  ORDER BY v.id DESC, a.id DESC LIMIT 1
) c ON true
""")


def require_passed(
    session: Session, base: KnowledgeBase, version: KbVersion, active: KbVersion | None, gate: Json
) -> None:
    """Raises GateRefused, with every figure that is not reached, where the version is worse than the active one."""
    found = [*_failed(version, gate), *_shrunk(version, active)]
    if active is not None:
        found += _dropped(session, base.id, version.number, active.number, gate)
    if found:
        why = " ".join(one["detail"] for one in found)
        raise GateRefused(f"Version {version.number} is not activated. {why}", errors=found)


def _failed(version: KbVersion, gate: Json) -> list[Problem]:
    failed = figure(version, "entries", "failed")
    if not failed or gate["allow_failed_entries"]:
        return []
    where = f"GET …/versions/{version.number}/entries?state=failed"
    detail = f"{failed} of its entries could not be indexed; {where} says why."
    return [{"pointer": "/stats/entries/failed", "detail": detail}]


def _shrunk(version: KbVersion, active: KbVersion | None) -> list[Problem]:
    before = 0 if active is None else figure(active, "chunks", "total")
    after = figure(version, "chunks", "total")
    if after >= before * FEWEST_CHUNKS:
        return []
    return [
        {"pointer": "/stats/chunks/total", "detail": f"It has {after} chunks where the active version has {before}."}
    ]


def _dropped(session: Session, kb_id: UUID, version: int, active: int, gate: Json) -> list[Problem]:
    compared = session.execute(COMPARED, {"kb": kb_id, "version": version, "active": active}).first()
    if compared is None:
        return []
    if compared.version is None:
        return [{"pointer": "/evaluation", "detail": NOT_EVALUATED.format(version=version, active=active)}]
    return judge(compared.version, compared.active, gate["max_drop"])


def judge(version: Json, active: Json, max_drop: float) -> list[Problem]:
    """A problem for each figure that is lower than the active version's by more than is allowed."""
    found = []
    for name, label in FIGURES.items():
        drop = active[name] - version[name]
        # What two decimals of a float differ by is no drop.
        if drop > max_drop + 1e-9:
            shown = (
                f"{label.format(k=version['k'])} is {version[name]:.3f} where the active version has {active[name]:.3f}"
            )
            found.append({"pointer": f"/evaluation/{name}", "detail": f"{shown}; it may fall by {max_drop:g}."})
    return found


def figure(version: KbVersion, group: str, name: str) -> int:
    """One count of what was built; 0 where it was not counted."""
    counted = version.stats.get(group)
    return int(counted.get(name, 0)) if isinstance(counted, dict) else 0
