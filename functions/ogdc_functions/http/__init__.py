"""The way into the functions and out of them: routes, answers, readiness, the OpenAPI document."""
