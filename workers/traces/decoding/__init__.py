"""OTLP as it is sent, into spans: protobuf, and JSON in OpenTelemetry's own mapping.

Both forms of the same batch give the same spans, so the same rows. What is wrong with one span rejects that span alone,
with a sentence; what cannot be taken apart at all is MalformedOtlp or MalformedJson.
"""
