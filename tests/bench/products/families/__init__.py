"""How instrumentations write down the same things: five families of attribute names.

Each module has `generation(asked)`, `tool(used)`, `agent(ran)`, `retrieval(found)`, `embedding(made)`; they return the
span's name, its kind and its attributes."""

from types import ModuleType

from tests.bench.products.families import genai, langfuse, openinference, openllmetry, vercel

FAMILIES: dict[str, ModuleType] = {
    "genai": genai,
    "langfuse": langfuse,
    "openinference": openinference,
    "openllmetry": openllmetry,
    "vercel": vercel,
}
