"""How well features that were found agree with labels; and what went wrong where they do not."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

from sklearn.metrics import adjusted_rand_score, v_measure_score

from tests.bench.lab import Seen
from tests.bench.products import Labelled


@dataclass(frozen=True)
class Agreement:
    """Over labelled traces: adjusted Rand index and V-measure, where each unassigned one is a cluster of its own; the
    share of unassigned ones. Over traces of no feature: the share that was put into a feature of others, and the share
    that made features of its own. `stable`: of traces with a feature after their first analysis, those that
    kept it. `hard` is the index over those features alone that share their prompt, and with it their route, with
    others."""

    ari: float
    hard: float
    v: float
    unassigned: float
    polluting: float
    apart: float
    features: int
    labels: int
    stable: float


def agreement(labels: Mapping[UUID, Labelled], seen: list[Seen], sharing: Collection[str] = ()) -> Agreement:
    """Between the labels and what is known in the end; `sharing` are the labels that share a prompt."""
    found = seen[-1].features
    ours = [(one.feature, found.get(trace)) for trace, one in labels.items() if one.feature]
    true = [label for label, _ in ours]
    given = [str(feature) if feature else f"alone {at}" for at, (_, feature) in enumerate(ours)]
    hard = [(label, one) for label, one in zip(true, given, strict=True) if label in sharing]
    noise = [found.get(trace) for trace, one in labels.items() if not one.feature]
    theirs = majority(labels, found)
    return Agreement(
        ari=float(adjusted_rand_score(true, given)),
        hard=float(adjusted_rand_score([label for label, _ in hard], [one for _, one in hard])),
        v=float(v_measure_score(true, given)),
        unassigned=sum(feature is None for _, feature in ours) / max(1, len(ours)),
        polluting=sum(one is not None and theirs[one] is not None for one in noise) / max(1, len(noise)),
        apart=sum(one is not None and theirs[one] is None for one in noise) / max(1, len(noise)),
        features=len({one for one in found.values() if one}),
        labels=len(set(true)),
        stable=stability(seen),
    )


def majority(labels: Mapping[UUID, Labelled], found: Mapping[UUID, UUID | None]) -> dict[UUID, str | None]:
    """Of each feature that was found, the label of most of its traces."""
    counts: dict[UUID, Counter[str | None]] = {}
    for trace, feature in found.items():
        if feature:
            counts.setdefault(feature, Counter())[labels[trace].feature] += 1
    return {feature: count.most_common(1)[0][0] for feature, count in counts.items()}


def stability(seen: list[Seen]) -> float:
    """The share of assignments that still stand in the end."""
    first: dict[UUID, UUID] = {}
    for one in seen:
        for trace, feature in one.features.items():
            if feature:
                first.setdefault(trace, feature)
    kept = sum(seen[-1].features.get(trace) == feature for trace, feature in first.items())
    return kept / max(1, len(first))


def account(labels: Mapping[UUID, Labelled], found: Mapping[UUID, UUID | None], names: Mapping[UUID, str]) -> list[str]:
    """Which labels were split, and which features mix labels: lines for a person."""
    by_label: dict[str, Counter[UUID | None]] = {}
    by_feature: dict[UUID, Counter[str]] = {}
    for trace, one in labels.items():
        feature = found.get(trace)
        by_label.setdefault(str(one.feature), Counter())[feature] += 1
        if feature:
            by_feature.setdefault(feature, Counter())[str(one.feature)] += 1
    lines = []
    for label, parts in sorted(by_label.items()):
        if len(parts) > 1 or None in parts:
            told = ", ".join(f"{names.get(one, '?') if one else 'unassigned'} {n}" for one, n in parts.most_common(6))
            lines.append(f"split  {label} ({parts.total()}): {told}")
    for feature, mixed in by_feature.items():
        if len(mixed) > 1:
            told = ", ".join(f"{label} {n}" for label, n in mixed.most_common(6))
            lines.append(f"mixed  {names.get(feature, '?')} ({mixed.total()}): {told}")
    return lines
