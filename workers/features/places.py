"""What is known of an entry: which features have traces there, and how each of them looks."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from workers.features import vectors
from workers.features.base import Vector
from workers.features.prototypes import Prototype, View

Array = npt.NDArray[np.float64]
Likeness = Callable[[str, str], float]


class Place:
    """An entry (or a prompt). Arrays are in the order of `features`; `weights` are numbers of traces, `wide` whether
    structure alone tells the feature."""

    def __init__(self, prototypes: Sequence[Prototype]) -> None:
        self.features = [*dict.fromkeys(one.feature_id for one in prototypes)]
        self._index = {one: at for at, one in enumerate(self.features)}
        shapes = [one for one in prototypes if one.view == View.SHAPE]
        self.weights = self._add_up(shapes)
        self.wide = np.zeros(len(self.features), bool)
        for one in shapes:
            self.wide[self._index[one.feature_id]] |= one.wide
        tools = {tool for one in shapes for tool in one.shape[2]}
        self.tools = frozenset(tools)
        self._using = self._add_up([one for one in shapes if one.shape[2]])
        self._tools = {tool: self._add_up([one for one in shapes if tool in one.shape[2]]) for tool in tools}
        prompts = {one.shape[1] for one in shapes}
        self.prompts = {name: self._add_up([one for one in shapes if one.shape[1] == name]) for name in prompts}
        self._views = {view: self._matrix(prototypes, view) for view in (View.GOAL, View.REPLY)}

    def structure(self, prompt: str | None, tools: Sequence[str], likeness: Likeness) -> Array:
        """How likely each feature is, by how usual it, the prompt and the tools are: logarithms."""
        made: Array = np.log((self.weights + 1.0) / (self.weights.sum() + len(self.features))) * 0.3
        if len(self.features) == 1:
            return made
        made += self._of_prompt(prompt, likeness)
        for tool, seen in self._tools.items():
            share = np.clip((seen + 0.2) / (self.weights + 0.4), 0.05, 0.95)
            made += np.log(share) if tool in tools else np.log(1 - share)
        return made

    def is_foreign(self, at: int, tools: Sequence[str]) -> bool:
        """Whether these are other tools than those that the feature mostly uses."""
        known = any(self._tools[tool][at] for tool in tools if tool in self._tools)
        return bool(tools) and not known and bool(self._using[at] * 2 > self.weights[at])

    def near(self, view: View, vector: Vector) -> Array:
        """For each feature the cosine of its nearest prototype of that view; 0 where it has none."""
        matrix, owners = self._views[view]
        made = np.zeros(len(self.features))
        if len(matrix):
            np.maximum.at(made, owners, matrix @ vector)
        return made

    def has(self, view: View) -> npt.NDArray[np.bool_]:
        """Which features have prototypes of that view."""
        made = np.zeros(len(self.features), bool)
        made[self._views[view][1]] = True
        return made

    def _of_prompt(self, prompt: str | None, likeness: Likeness) -> Array:
        known = self.prompts.get(prompt)
        if known is not None:
            usual: Array = np.log(np.clip((known + 0.1) / (self.weights + 0.5), 0.02, 1.0))
            return usual
        alike = np.zeros(len(self.features))
        if prompt is not None:
            for other, seen in self.prompts.items():
                if other is not None:
                    alike = np.maximum(alike, likeness(prompt, other) * (seen > 0))
        made: Array = np.log(0.05 + 0.5 * alike)
        return made

    def _add_up(self, shapes: Sequence[Prototype]) -> Array:
        made = np.zeros(len(self.features))
        for one in shapes:
            made[self._index[one.feature_id]] += one.weight
        return made

    def _matrix(
        self, prototypes: Sequence[Prototype], view: View
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        own = [one for one in prototypes if one.view == view and one.vector is not None]
        rows = [one.vector for one in own if one.vector is not None]
        matrix = np.stack(rows) if rows else np.zeros((0, vectors.DIMENSIONS), np.float32)
        return matrix, np.array([self._index[one.feature_id] for one in own], np.int64)


def places_by(prototypes: Sequence[Prototype], key: Callable[[Prototype], str | None]) -> dict[str, Place]:
    """Prototypes by what they have in common; those without are left out."""
    groups: dict[str, list[Prototype]] = {}
    for one in prototypes:
        name = key(one)
        if name:
            groups.setdefault(name, []).append(one)
    return {name: Place(members) for name, members in groups.items()}


def shares(logarithms: Array) -> Array:
    """Logarithms of likelihoods as shares of 1."""
    raised = np.exp(logarithms - logarithms.max())
    made: Array = raised / raised.sum()
    return made
