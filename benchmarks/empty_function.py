"""The least a function can be: what functions-framework itself costs."""

from flask import Request


def empty(_request: Request) -> str:
    return "{}"
