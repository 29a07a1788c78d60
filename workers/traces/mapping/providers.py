"""Who serves a model, by one name each: OpenTelemetry's, where it has one."""

from functools import lru_cache

_LONGEST = 200

# Canonical name: how others call it. A first word before a dot or a slash is looked up, too ("openai.responses").
_SPELLINGS = {
    "openai": "openai open-ai openai_responses openai-responses text-completion-openai chatopenai",
    "azure.ai.openai": "azure.ai.openai az.ai.openai azure azureopenai azure_openai azure-openai azure.openai",
    "azure.ai.inference": "azure.ai.inference az.ai.inference azure_ai azure-ai",
    "anthropic": "anthropic claude chatanthropic",
    "aws.bedrock": """aws.bedrock aws_bedrock aws-bedrock aws bedrock amazon-bedrock amazon_bedrock amazon
      bedrock_converse""",
    "gcp.gemini": """gcp.gemini gcp.gen_ai google gemini google-genai google_genai google-gla google.generative-ai
      google_ai_studio google-generative-ai generativelanguage""",
    "gcp.vertex_ai": """gcp.vertex_ai gcp vertex vertexai vertex_ai vertex-ai vertex_ai_beta google-vertex
      google_vertexai google.vertex google-vertex-anthropic""",
    "mistral_ai": "mistral_ai mistral mistralai mistral-ai",
    "cohere": "cohere cohere_chat",
    "x_ai": "x_ai xai x-ai grok",
    "deepseek": "deepseek deep-seek",
    "groq": "groq",
    "perplexity": "perplexity perplexity_ai",
    "ibm.watsonx.ai": "ibm.watsonx.ai watsonx watsonx.ai ibm",
    "openrouter": "openrouter open-router",
    "together_ai": "together_ai together togetherai together-ai",
    "fireworks_ai": "fireworks_ai fireworks fireworks-ai",
    "huggingface": "huggingface hugging_face hf",
    "ollama": "ollama ollama_chat",
    "voyage_ai": "voyage_ai voyage voyageai",
    "moonshot_ai": "moonshot_ai moonshot moonshotai",
    "cerebras": "cerebras",
    "replicate": "replicate",
    # Frameworks that give their own name; the model tells more.
    "": """gcp.vertex.agent langchain langgraph llamaindex llama_index litellm pydantic-ai microsoft.agent_framework
      strands-agents semantic_kernel autogen crewai agno smolagents unknown _other other custom none null""",
}
_PROVIDERS = {spelling: name for name, spellings in _SPELLINGS.items() for spelling in spellings.split()}

# Whose models begin so.
_MODELS = {
    "sandbox": "sandbox/",
    "openai": """gpt- chatgpt o1 o3 o4- text-embedding-3 text-embedding-ada text-davinci dall-e whisper tts-1 davinci
      babbage computer-use codex-""",
    "anthropic": "claude",
    "gcp.gemini": "gemini gemma imagen text-bison chat-bison",
    "mistral_ai": "mistral codestral ministral magistral pixtral devstral open-mi",
    "cohere": "command- embed-english embed-multilingual embed-v4 rerank-",
    "x_ai": "grok",
    "deepseek": "deepseek",
    "perplexity": "sonar",
    "voyage_ai": "voyage",
    "moonshot_ai": "kimi moonshot",
    "aws.bedrock": """anthropic. us.anthropic. eu.anthropic. apac.anthropic. global.anthropic. amazon. us.amazon.
      eu.amazon. meta.llama us.meta. cohere.command cohere.embed""",
}
_STARTS = {provider: tuple(starts.split()) for provider, starts in _MODELS.items()}


@lru_cache(maxsize=4096)
def normalised(provider: str | None, model: str | None) -> tuple[str | None, str | None]:
    """The provider by its one name, and the model without the provider in it: `("OpenAI", "gpt-4o")`, `(None,
    "mistral/mistral-small")`, `("gcp.vertex_ai", "publishers/google/models/gemini-2.5-pro")`. Names that are not known
    here are kept, in lower case."""
    named = _provider(provider) if provider else None
    model = (model or "").strip()[:_LONGEST]
    if "models/" in model:
        model = model.rpartition("models/")[2]
    # LiteLLM's way: the prefix says who serves it.
    before, slash, rest = model.partition("/")
    served = _PROVIDERS.get(before.lower()) if slash and rest else None
    if served and named in (None, served):
        return served, rest
    return named or _by_model(model), model or None


def _provider(given: str) -> str | None:
    word = given.strip().lower()[:_LONGEST]
    found = _PROVIDERS.get(word)
    while found is None and "." in word:
        word = word.rpartition(".")[0]
        found = _PROVIDERS.get(word)
    return (given.strip().lower()[:_LONGEST] if found is None else found) or None


def _by_model(model: str) -> str | None:
    word = model.lower()
    return next((provider for provider, starts in _STARTS.items() if word.startswith(starts)), None)
