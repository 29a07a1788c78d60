"""OpenAPI descriptions: read, checked, taken apart into operations, compared."""
