"""A minimal function: the cost of functions-framework itself."""

from flask import Request


def empty(_request: Request) -> str:
    return "{}"
