"""Validating values of a recipe's parameters, and converting them to environment variables of its commands.

Values are only stored in the run's plan, never in a command line or a manifest.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ogdc_shared.errors import InvalidRequestError
from ogdc_shared.recipe.explain import shown
from ogdc_shared.recipe.forms import META_FILE

if TYPE_CHECKING:
    from ogdc_shared.recipe.models import RecipeMeta
    from ogdc_shared.recipe.parameter_models import RecipeParameter

Values = dict[str, Any]
"""JSON values by name."""
NOTHING_GIVEN: Mapping[str, Any] = MappingProxyType({})
MAX_BYTES = 8192
"""Size limit of a value as a variable."""
MAX_INTEGER = 2**63 - 1
"""Limit on the absolute value of integers, which most programs support."""

_MAX_PROBLEMS = 20


def _is_number(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MAX_INTEGER


_NUMBERS = frozenset({"integer", "number"})
_HAS_TYPE: Mapping[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: _is_number(value) and value == int(value) and abs(value) <= MAX_INTEGER,
    "number": _is_number,
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}
_WANTED = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a JSON array",
    "object": "a JSON object",
}


class _UnusableError(ValueError):
    """A value that a parameter does not accept; the message is a predicate."""


def read_values(
    declared: Sequence[RecipeParameter], given: Mapping[str, Any], *, from_text: bool = True
) -> Values:
    """Validate the values for a run, and add the defaults.

    Args:
        declared: The recipe's parameters.
        given: Values by name.
        from_text: Whether to convert texts to other types, for values from a command line.

    Raises:
        InvalidRequestError: a value is unknown, missing or invalid; the message lists all problems.
    """
    known = {each.name: each for each in declared}
    problems = [_unknown(name, known) for name in given if name not in known]
    values: Values = {}
    for name, parameter in known.items():
        if name not in given:
            values[name] = parameter.default
            if parameter.is_required:
                problems.append(f"parameter {name}: is missing; give {_WANTED[parameter.type]}.")
            continue
        try:
            values[name] = _read(parameter, given[name], from_text=from_text)
        except _UnusableError as exc:
            problems.append(f"parameter {name}: {shown(given[name])} {exc}")
    if problems:
        raise InvalidRequestError("\n".join(problems[:_MAX_PROBLEMS]))
    return values


def has_type(kind: str, value: Any) -> bool:
    """Whether a value has a type of JSON Schema."""
    return _HAS_TYPE[kind](value)


def as_variables(values: Values) -> tuple[tuple[str, str], ...]:
    """Return the names and values of environment variables for commands."""
    return tuple((name, _as_text(value)) for name, value in values.items())


def as_shown(values: Values) -> Values:
    """Return the values with credentials redacted, for everybody who may read the record."""
    return {name: _redacted(value) for name, value in values.items()}


def parameter_problems(meta: RecipeMeta) -> Iterator[str]:
    """Yield problems of a recipe's parameters that the schema cannot express."""
    counted = Counter(each.name for each in meta.parameters)
    secrets = {secret.replace("-", "_").upper() for secret in meta.workflow.secrets}
    for position, parameter in enumerate(meta.parameters):
        key = f"{META_FILE}: parameters[{position}]"
        if counted[parameter.name] > 1:
            yield f"{key}.name: {shown(parameter.name)} names two parameters; choose another name."
        if parameter.name.upper() in secrets:
            yield f"{key}.name: {shown(parameter.name)} is the name of a secret; choose another name."
        yield from (f"{key}.{problem}" for problem in _problems(parameter))


def _problems(parameter: RecipeParameter) -> Iterator[str]:
    for name, types in {"minimum": _NUMBERS, "maximum": _NUMBERS, "pattern": {"string"}}.items():
        if getattr(parameter, name) is not None and parameter.type not in types:
            yield f"{name}: is for {' and '.join(sorted(types))}, not for {parameter.type}; remove it."
            return
    if parameter.pattern is not None and (problem := _pattern_problem(parameter.pattern)):
        yield f"pattern: {shown(parameter.pattern)} {problem}"
        return
    plain = parameter.model_copy(update={"enum": None})
    of_enum = [("enum", plain, value) for value in parameter.enum or ()]
    of_default = [] if parameter.default is None else [("default", parameter, parameter.default)]
    for key, taken_by, value in of_enum + of_default:
        try:
            _read(taken_by, value, from_text=False)
        except _UnusableError as exc:
            yield f"{key}: {shown(value)} {exc}"


def _unknown(name: str, known: Mapping[str, RecipeParameter]) -> str:
    there = f"{META_FILE} declares {', '.join(known) or 'none'}"
    return f"parameter {shown(name)}: unknown parameter; {there}."


def _read(parameter: RecipeParameter, given: Any, *, from_text: bool) -> Any:
    """Convert and validate a value.

    Raises:
        _UnusableError: the parameter does not accept it.
    """
    value = given
    if from_text and isinstance(given, str) and parameter.type != "string":
        value = _from_text(given)
    if not _HAS_TYPE[parameter.type](value):
        raise _UnusableError(f"is not of type {parameter.type}; give {_WANTED[parameter.type]}.")
    if parameter.type == "integer":
        value = int(value)
    _check_text(value)
    if parameter.enum is not None and value not in parameter.enum:
        options = ", ".join(map(_as_text, parameter.enum))
        raise _UnusableError(f"is not one of the allowed values; give one of {options}.")
    if parameter.minimum is not None and value < parameter.minimum:
        raise _UnusableError(f"is too small; give at least {parameter.minimum:g}.")
    if parameter.maximum is not None and value > parameter.maximum:
        raise _UnusableError(f"is too large; give at most {parameter.maximum:g}.")
    if parameter.pattern is not None and not _matches(parameter.pattern, value):
        raise _UnusableError(f"does not match its pattern, {shown(parameter.pattern)}.")
    return value


def _from_text(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None  # a value of no type


def _check_text(value: Any) -> None:
    """Check that a value can be an environment variable and be recorded."""
    try:
        text = _as_text(value)
        size = len(text.encode())
    except (ValueError, RecursionError) as exc:  # a lone surrogate, or a number that is not finite
        raise _UnusableError(
            "contains characters that cannot be encoded in UTF-8 or JSON; remove them."
        ) from exc
    if size > MAX_BYTES:
        raise _UnusableError(f"has {size:,} bytes; give at most {MAX_BYTES:,}, or an input.")
    if any(ord(each) < 32 and each not in "\t\n\r" for each in text):
        raise _UnusableError("contains a control character; remove it.")


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _redacted(value: Any) -> Any:
    from ogdc_shared.redact import redact_text  # imported late, only for runs with parameters

    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, list):
        return [_redacted(each) for each in value]
    if isinstance(value, dict):
        return {_redacted(name): _redacted(each) for name, each in value.items()}
    return value


def _pattern_problem(pattern: str) -> str | None:
    from pydantic_core import SchemaError

    try:
        _matches(pattern, "")
    except SchemaError as exc:
        return f"is not a regular expression that is known here; {str(exc).splitlines()[-1].strip()}."
    return None


def _matches(pattern: str, text: str) -> bool:
    """Whether a pattern matches anywhere in a text, in time that is linear in the text."""
    from pydantic_core import SchemaValidator, ValidationError, core_schema

    try:
        SchemaValidator(core_schema.str_schema(pattern=pattern)).validate_python(text)
    except ValidationError:
        return False
    return True
