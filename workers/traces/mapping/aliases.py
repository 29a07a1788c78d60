"""By which names instrumentations say one thing: the one table of attributes' names.

It covers OpenTelemetry's GenAI conventions (today's and each older spelling), OpenLLMetry (traceloop.*, llm.*),
OpenInference, the Vercel AI SDK (ai.*), Langfuse, LangSmith, MLflow, LangWatch, pydantic-ai, Genkit and Google's ADK.
The best name comes first; an empty value counts as not given. Attributes are stored whole, so a row can be derived
again: raise MAPPING_VERSION with each change that would derive something else.
"""

from typing import Any

MAPPING_VERSION = 1

Names = dict[str, tuple[str, ...]]


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _table(fields: dict[str, str]) -> Names:
    return {field: _names(text) for field, text in fields.items()}


# Whoever sent the span; also looked for among its resource's attributes.
ORIGIN: Names = _table(
    {
        "session_id": """
            langfuse.session.id session.id elasticdash.session.id gen_ai.conversation.id langwatch.thread.id
            traceloop.association.properties.session_id traceloop.association.properties.thread_id
            ai.telemetry.metadata.sessionId ai.telemetry.metadata.langfuseSessionId
            langfuse.trace.metadata.langfuse_session_id langfuse.observation.metadata.langfuse_session_id
            langsmith.metadata.session_id langsmith.metadata.thread_id mlflow.trace.session
            gcp.vertex.agent.session_id
        """,
        "user_id": """
            langfuse.user.id user.id enduser.id elasticdash.user.id langwatch.user.id langwatch.customer.id
            traceloop.association.properties.user_id ai.telemetry.metadata.userId
            ai.telemetry.metadata.langfuseUserId langfuse.trace.metadata.langfuse_user_id
            langfuse.observation.metadata.langfuse_user_id langsmith.metadata.user_id mlflow.trace.user
            gen_ai.request.user gen_ai.user.id llm.user
        """,
        "release": "langfuse.release elasticdash.release service.version app.version sentry.release",
        "environment": """
            langfuse.environment elasticdash.environment deployment.environment.name deployment.environment
            gen_ai.environment sentry.environment
        """,
        "service": "service.name gen_ai.application_name",
    }
)

# Which model was called, and by whom it is served. `said_model` is too general to make a span a call of a model, but is
# believed where something else says that it is one.
MODEL: Names = _table(
    {
        "model": """
            gen_ai.response.model ai.response.model llm.response.model langfuse.observation.model.name
            elasticdash.observation.model.name gen_ai.request.model llm.model_name llm.request.model ai.model.id
            embedding.model_name reranker.model_name mlflow.llm.model langsmith.metadata.ls_model_name genkit:name
        """,
        "said_model": "model_name model",
        "provider": """
            gen_ai.provider.name gen_ai.system ai.model.provider llm.provider llm.system mlflow.llm.provider
            langsmith.metadata.ls_provider
        """,
    }
)

# Tokens and dollars; input includes what came from a cache, output what was reasoned. `…_object` are objects, mostly as
# JSON text: see USAGE_KEYS.
USAGE: Names = _table(
    {
        "input_tokens": """
            gen_ai.usage.input_tokens gen_ai.usage.prompt_tokens llm.token_count.prompt llm.usage.prompt_tokens
            llm.usage.input_tokens ai.usage.inputTokens ai.usage.promptTokens langwatch.metrics.prompt_tokens
            gen_ai.usage.input
        """,
        "output_tokens": """
            gen_ai.usage.output_tokens gen_ai.usage.completion_tokens llm.token_count.completion
            llm.usage.completion_tokens llm.usage.output_tokens ai.usage.outputTokens ai.usage.completionTokens
            langwatch.metrics.completion_tokens gen_ai.usage.output
        """,
        "total_tokens": """
            gen_ai.usage.total_tokens llm.usage.total_tokens llm.token_count.total ai.usage.totalTokens
            ai.usage.tokens
        """,
        "cached_tokens": """
            gen_ai.usage.cache_read.input_tokens gen_ai.usage.cache_read_input_tokens
            gen_ai.usage.input_cached_tokens gen_ai.usage.cached_input_tokens gen_ai.usage.details.cache_read_tokens
            gen_ai.usage.details.cached_tokens gen_ai.usage.prompt_tokens_details.cached_tokens
            llm.token_count.prompt_details.cache_read llm.usage.cache_read_input_tokens ai.usage.cachedInputTokens
            ai.usage.inputTokenDetails.cacheReadTokens
        """,
        "cache_write_tokens": """
            gen_ai.usage.cache_write.input_tokens gen_ai.usage.cache_creation.input_tokens
            gen_ai.usage.cache_creation_input_tokens gen_ai.usage.input_cache_creation
            gen_ai.usage.details.cache_write_tokens gen_ai.usage.details.cache_creation_input_tokens
            llm.token_count.prompt_details.cache_write llm.usage.cache_creation_input_tokens
            ai.usage.inputTokenDetails.cacheWriteTokens
        """,
        "reasoning_tokens": """
            gen_ai.usage.reasoning.output_tokens gen_ai.usage.reasoning_tokens gen_ai.usage.output_reasoning_tokens
            gen_ai.usage.details.reasoning_tokens gen_ai.usage.details.thoughts_tokens
            gen_ai.usage.completion_tokens_details.reasoning_tokens llm.token_count.completion_details.reasoning
            llm.usage.reasoning_tokens ai.usage.reasoningTokens ai.usage.outputTokenDetails.reasoningTokens
        """,
        "cost": """
            gen_ai.usage.cost gen_ai.usage.total_cost gen_ai.cost.total_cost llm.cost.total llm.usage.cost
            operation.cost langwatch.metrics.cost
        """,
        "input_cost": "gen_ai.usage.input_cost gen_ai.cost.input_cost llm.cost.prompt",
        "output_cost": "gen_ai.usage.output_cost gen_ai.cost.output_cost llm.cost.completion",
        "usage_object": """
            langfuse.observation.usage_details elasticdash.observation.usage_details mlflow.chat.tokenUsage
            langsmith.usage_metadata llm.usage
        """,
        "cost_object": "langfuse.observation.cost_details elasticdash.observation.cost_details mlflow.llm.cost",
        "provider_object": "ai.response.providerMetadata",
        "response_object": "gcp.vertex.agent.llm_response genkit:output",
    }
)

# The same within objects, in providers' own spellings.
USAGE_KEYS: Names = _table(
    {
        "input_tokens": """
            input input_tokens prompt_tokens inputTokens promptTokens prompt_token_count promptTokenCount
        """,
        "output_tokens": """
            output output_tokens completion_tokens outputTokens completionTokens candidates_token_count
            candidatesTokenCount
        """,
        "total_tokens": "total total_tokens totalTokens total_token_count totalTokenCount",
        "cached_tokens": """
            input_cached_tokens cache_read_input_tokens input_cache_read cached_tokens cachedInputTokens
            cacheReadInputTokens cachedContentTokens cached_content_token_count cachedContentTokenCount cache_read
            cacheReadTokens
        """,
        "cache_write_tokens": """
            input_cache_creation cache_creation_input_tokens input_cache_write cacheWriteInputTokens
            cacheCreationInputTokens cache_creation cacheWriteTokens
        """,
        "reasoning_tokens": """
            output_reasoning_tokens output_reasoning reasoning_tokens reasoningTokens thoughtsTokens
            thoughts_token_count thoughtsTokenCount reasoning
        """,
    }
)
# Objects within usage objects; what they count is part of the sums beside them.
USAGE_DETAILS = _names(
    """
    prompt_tokens_details input_tokens_details input_token_details inputTokenDetails completion_tokens_details
    output_tokens_details output_token_details outputTokenDetails
    """
)

# What names a span's kind outright (kinds.py knows the words), and what only such a span carries.
KIND_NAMES = _names(
    """
    langfuse.observation.type elasticdash.observation.type openinference.span.kind gen_ai.operation.name
    gen_ai.span.kind traceloop.span.kind langsmith.span.kind langwatch.span.type mlflow.spanType
    llm.request.type ai.operationId genkit:metadata:subtype genkit:type db.system.name db.system
    """
)
MARKS: Names = _table(
    {
        "tool": "gen_ai.tool.name gen_ai.tool.call.id tool.name ai.toolCall.name gcp.vertex.agent.tool_call_args",
        "retrieval": """
            retrieval.documents retrieval.documents.0.document.content retrieval.documents.0.document.id
            gen_ai.retrieval.query.text gen_ai.retrieval.documents
        """,
        "reranker": "reranker.query reranker.output_documents.0.document.content",
        "embedding": """
            embedding.text embedding.embeddings.0.embedding.text ai.embedding ai.embeddings
            gen_ai.embeddings.dimension.count
        """,
        "agent": "pydantic_ai.all_messages all_messages_events agent_name",
        "generation": """
            gen_ai.input.messages gen_ai.output.messages gen_ai.response.id gen_ai.response.finish_reasons
            gen_ai.prompt gen_ai.prompt.0.content gen_ai.prompt.0.role gen_ai.completion gen_ai.completion.0.content
            gen_ai.completion.0.role llm.input_messages.0.message.role llm.output_messages.0.message.role
            llm.prompts ai.prompt.messages ai.response.text ai.response.finishReason gcp.vertex.agent.llm_request
            model_request_parameters
        """,
        "weak_agent": "gen_ai.agent.name gen_ai.agent.id agent.name",
    }
)

# What spans that call no model do, for the column `operation`.
PLAIN: Names = _table(
    {
        "http_method": "http.request.method http.method",
        "http_route": "http.route",
        "rpc_method": "rpc.method",
        "rpc_service": "rpc.service",
        "db_operation": "db.operation.name db.operation",
        "messaging": "messaging.operation.name messaging.operation",
    }
)

# What was said, for reading.py. Names of `indexed_…` begin lists (`gen_ai.prompt.0.role`). OpenInference's
# `tool.parameters` are the arguments in some versions, the schema in others.
TEXTS: Names = _table(
    {
        "system": "gen_ai.system_instructions system_prompt gen_ai.request.instructions",
        "conversation": "gen_ai.input.messages",
        "indexed_conversation": "gen_ai.prompt llm.input_messages llm.prompts",
        "request": """
            pydantic_ai.all_messages all_messages_events events ai.prompt.messages ai.prompt
            gcp.vertex.agent.llm_request gen_ai.prompt langfuse.observation.input elasticdash.observation.input
            input.value traceloop.entity.input mlflow.spanInputs genkit:input langwatch.input gen_ai.input
            llm.prompts input
        """,
        "answer": "gen_ai.output.messages",
        "indexed_answer": "gen_ai.completion llm.output_messages",
        "response": """
            langfuse.observation.output elasticdash.observation.output gcp.vertex.agent.llm_response
            gen_ai.completion output.value traceloop.entity.output mlflow.spanOutputs genkit:output langwatch.output
            gen_ai.output final_result output
        """,
        "response_text": "ai.response.text ai.response.object",
        "response_calls": "ai.response.toolCalls",
        "input": """
            langfuse.observation.input elasticdash.observation.input input.value traceloop.entity.input
            mlflow.spanInputs genkit:input langwatch.input gcp.vertex.agent.llm_request ai.prompt gen_ai.prompt
            gen_ai.input ai.value ai.values embedding.text reranker.query langfuse.trace.input input
        """,
        "output": """
            langfuse.observation.output elasticdash.observation.output output.value traceloop.entity.output
            mlflow.spanOutputs genkit:output langwatch.output gcp.vertex.agent.llm_response final_result
            ai.response.text ai.response.object gen_ai.completion gen_ai.output langfuse.trace.output output
        """,
        "tool": """
            gen_ai.tool.name tool.name ai.toolCall.name traceloop.entity.name
            langfuse.observation.metadata.tool_name
        """,
        "tool_input": """
            gen_ai.tool.call.arguments gen_ai.tool.args gen_ai.tool.input ai.toolCall.args ai.toolCall.input
            gcp.vertex.agent.tool_call_args tool_arguments
        """,
        "tool_output": """
            gen_ai.tool.call.result gen_ai.tool.output ai.toolCall.result ai.toolCall.output
            gcp.vertex.agent.tool_response tool_response
        """,
        "tool_input_perhaps": "tool.parameters",
        "query": "gen_ai.retrieval.query.text retrieval.query db.query.text",
        "documents": "gen_ai.retrieval.documents retrieval.documents reranker.output_documents",
        "embedded": "embedding.embeddings",
        "finish_reason": """
            gen_ai.response.finish_reasons gen_ai.response.finish_reason gen_ai.completion.0.finish_reason
            llm.response.finish_reason llm.finish_reason ai.response.finishReason ai.finishReason
        """,
        "parameters": """
            llm.invocation_parameters langfuse.observation.model.parameters langfuse.observation.model_parameters
            elasticdash.observation.model.parameters elasticdash.observation.model_parameters
            model_request_parameters gen_ai.request.parameters
        """,
        "tools": "gen_ai.tool.definitions gen_ai.request.tools llm.tools ai.prompt.tools gen_ai.agent.tools",
        "indexed_tools": "llm.tools llm.request.functions",
        "schema": """
            gen_ai.request.structured_output_schema llm.request.structured_output_schema gen_ai.output.schema
            ai.schema
        """,
    }
)

# A model's parameters by their names in gen_ai.request.*, how else they are called, and what stands before that.
PARAMETERS: Names = _table(
    {
        "temperature": "temperature",
        "top_p": "top_p topP",
        "top_k": "top_k topK",
        "max_tokens": """
            max_tokens max_completion_tokens max_output_tokens maxTokens maxOutputTokens max_new_tokens
        """,
        "frequency_penalty": "frequency_penalty frequencyPenalty",
        "presence_penalty": "presence_penalty presencePenalty",
        "seed": "seed",
        "stop_sequences": "stop_sequences stopSequences stop",
        "choice.count": "choice.count n candidateCount candidate_count",
        "reasoning.level": "reasoning.level reasoning_effort reasoningEffort",
        "encoding_formats": "encoding_formats",
        "tool_choice": "tool_choice toolChoice",
    }
)
PARAMETER_PREFIXES = _names(
    """
    gen_ai.request. llm.request. llm. ai.settings. gen_ai.openai.request.
    """
)

# What a trace's root says of the whole.
OF_A_TRACE: Names = {
    "name": ("langfuse.trace.name", "elasticdash.trace.name", "mlflow.traceName"),
    "tags": (
        "langfuse.trace.tags",
        "elasticdash.trace.tags",
        "tag.tags",
        "langsmith.span.tags",
        "langwatch.tags",
        "ai.telemetry.metadata.tags",
        "traceloop.association.properties.tags",
    ),
}


def places(*tables: Names) -> dict[str, tuple[str, int]]:
    """Each name's field and how good a name for it this is (0: the best)."""
    return {
        name: (field, rank) for table in tables for field, names in table.items() for rank, name in enumerate(names)
    }


_NOTHING = ("", "null", "{}", "[]")


def first(names: tuple[str, ...], *sources: dict[str, Any]) -> Any:
    """The first of these names' values that says something, source by source; None if none does."""
    for source in sources:
        for name in names:
            value = source.get(name)
            if value is not None and value not in _NOTHING:
                return value
    return None
