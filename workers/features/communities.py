"""What belongs together of several groupings of the same things: groups that meet often.

Groups of wishes and groups of answers are nodes, and each trace joins those that it is in. Communities are found as by
Louvain (nodes move while modularity grows), and joined where two of them meet so often that they can hardly be two:
Louvain parts what is large. A node whose things are everywhere ("are you sure?", "could you tell me more?") would tie
all of them together, so it is left out, and they are looked for again. Where hardly a node stays, there are no parts.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.int64]
Counts = npt.NDArray[np.float64]

# Two communities are one if they meet in such a share of what they would if all were the same to them.
MEETS, MEETS_AT_LAST = 0.3, 0.2
# A node is of a community with that share of its weight, a thing with that of its nodes.
OWN, MOSTLY = 0.7, 0.6
# Communities are parts of the whole if so many of the things are of one.
TOLD = 0.5
PRUNED, ROUNDS = 6, 50
APART = -1


def together(views: Sequence[Labels]) -> Labels | None:
    """For each thing the number of its community, -1 for one of none or of several; None if all belongs together.
    `views` are groupings of the things: each has the number of its group, -1 for none."""
    members = np.hstack([_members(one) for one in views])
    weights = members.T @ members
    start = 0
    for one in views:
        end = start + _count(one)
        weights[start:end, start:end] = 0
        start = end
    labels = _communities(weights)
    grouped = members.sum(axis=1) > 0
    if labels.max(initial=APART) < 1:
        return None
    counts = members @ _members(labels)
    sure = (counts.max(axis=1) > 0) & (counts.max(axis=1) >= MOSTLY * counts.sum(axis=1))
    if sure.sum() < TOLD * grouped.sum():
        return None
    made: Labels = np.where(sure, counts.argmax(axis=1), APART)
    return made


def _count(labels: Labels) -> int:
    return int(labels.max(initial=APART)) + 1


def _members(labels: Labels) -> Counts:
    """(things, groups): 1 where a thing is in a group."""
    made = np.zeros((len(labels), _count(labels)))
    own = np.flatnonzero(labels >= 0)
    made[own, labels[own]] = 1
    return made


def _communities(weights: Counts) -> Labels:
    """The community of each node, -1 for those that are left out."""
    labels = np.full(len(weights), APART, np.int64)
    kept = np.ones(len(weights), bool)
    for _ in range(PRUNED):
        live = np.flatnonzero(kept & (weights[:, kept].sum(axis=1) > 0))
        if len(live) < 2:
            return labels
        own = weights[np.ix_(live, live)]
        found = _joined(own, _louvain(own), MEETS)
        within = own @ _members(found)
        shares = within[np.arange(len(live)), found] / within.sum(axis=1)
        if (shares >= OWN).all():
            break
        kept[live[shares < OWN]] = False
    labels[live] = _joined(own, found, MEETS_AT_LAST)
    return labels


def _joined(weights: Counts, found: Labels, least: float) -> Labels:
    """The communities, fewer where some meet."""
    members = _members(found)
    meets = members.T @ weights @ members
    numbers = np.arange(len(meets))
    while len(meets) > 1:
        meeting = _meeting(meets)
        one, other = np.unravel_index(int(np.argmax(meeting)), meeting.shape)
        if meeting[one, other] < least:
            break
        first, last = min(one, other), max(one, other)
        meets[first] += meets[last]
        meets[:, first] += meets[:, last]
        meets = np.delete(np.delete(meets, last, axis=0), last, axis=1)
        numbers = np.where(numbers == last, first, numbers - (numbers > last))
    made: Labels = numbers[found]
    return made


def _meeting(meets: Counts) -> Counts:
    """For each two how much they meet, as a share of what it would be if they were one."""
    own = np.diag(meets)
    ones, others = own[:, None] + meets, own[None, :] + meets
    made: Counts = np.divide(meets * (ones + others), ones * others, out=np.zeros_like(meets), where=ones * others > 0)
    np.fill_diagonal(made, -1)
    return made


def _louvain(weights: Counts) -> Labels:
    found = np.arange(len(weights))
    while True:
        moved = _moved(weights)
        found = moved[found]
        if _count(moved) == len(weights):
            return found
        members = _members(moved)
        weights = members.T @ weights @ members


def _moved(weights: Counts) -> Labels:
    """Each node in the community of its neighbours that gains most, until none moves."""
    count, degrees, total = len(weights), weights.sum(axis=1), weights.sum()
    labels, sums = np.arange(count), weights.sum(axis=1)
    for _ in range(ROUNDS):
        still = True
        for node in range(count):
            own = labels[node]
            sums[own] -= degrees[node]
            links = np.bincount(labels, weights=weights[node], minlength=count)
            links[own] -= weights[node, node]
            gains = links - degrees[node] * sums / total
            best = int(np.argmax(gains))
            if gains[best] > gains[own] + 1e-9:
                labels[node], still = best, False
            sums[labels[node]] += degrees[node]
        if still:
            break
    made: Labels = np.unique(labels, return_inverse=True)[1]
    return made
