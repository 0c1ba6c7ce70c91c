"""HTTP for the functions: routing, request bodies, responses, readiness, the OpenAPI document."""
