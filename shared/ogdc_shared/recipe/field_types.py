"""Types of single values in `meta.yml`, with their error messages."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from ogdc_shared.dns_label import is_dns_label
from ogdc_shared.recipe import quantities
from ogdc_shared.recipe.ids import NAME_PATTERN, name_problem
from ogdc_shared.recipe.urls import TYPOGRAPHIC_QUOTES, checksum_problem, url_problem

_LICENSE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]{0,63}|https?://[!-~]{1,500}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def plain_text(value: str) -> str:
    """Raise ValueError for empty texts and for characters that are certainly a mistake."""
    if not value.strip():
        raise ValueError("is empty; give a value or remove the key.")
    if value[0] in TYPOGRAPHIC_QUOTES:
        raise ValueError(f"begins with the typographic quote {value[0]}; write plain quotes or none.")
    if found := _CONTROL.search(value):
        raise ValueError(
            f"has the control character {found[0]!r} at position {found.start() + 1}; remove it."
        )
    return value


def _relative_path(value: str) -> str:
    path = PurePosixPath(plain_text(value))
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ValueError("lies outside the recipe directory; give a path inside it, without '..'.")
    return value


def _name(value: str) -> str:
    if problem := name_problem(value):
        raise ValueError(problem)
    return value


def _url(value: str) -> str:
    if problem := url_problem(value):
        raise ValueError(problem)
    return value


def _file_name(value: str) -> str:
    if "/" in plain_text(value) or value in {".", ".."} or len(value.encode()) > 255:
        raise ValueError(
            "is not a file name; give at most 255 bytes without '/'. Give its directory as `directory:`."
        )
    return value


def _directory(value: str) -> str:
    parts = [part for part in plain_text(value).rstrip("/").split("/") if part != "."]
    if not parts or any(part in {"", ".."} or len(part.encode()) > 255 for part in parts):
        raise ValueError("is not a directory below /input_dir; give a relative path such as 2021/june.")
    return "/".join(parts)


def _checksum(value: str) -> str:
    if problem := checksum_problem(value):
        raise ValueError(problem)
    return value


def _secret_name(value: str) -> str:
    if not is_dns_label(value):
        raise ValueError("is not a name of a secret; give at most 63 of a to z, 0 to 9 and '-'.")
    return value


def _license(value: str) -> str:
    if not _LICENSE.fullmatch(plain_text(value)):
        raise ValueError("is not a license; give an SPDX id such as CC-BY-4.0, or the URL of its text.")
    return value


def _no_boolean(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("is not a number; give a whole number.")  # noqa: TRY004  pydantic collects only these
    return value


Text = Annotated[str, AfterValidator(plain_text)]
SideFile = Annotated[str, AfterValidator(_relative_path)]
FileName = Annotated[str, AfterValidator(_file_name)]
Directory = Annotated[str, AfterValidator(_directory)]
Url = Annotated[str, AfterValidator(_url)]
Checksum = Annotated[str, AfterValidator(_checksum)]
License = Annotated[str, AfterValidator(_license)]
SecretName = Annotated[str, AfterValidator(_secret_name)]
RecipeName = Annotated[str, AfterValidator(_name), Field(json_schema_extra={"pattern": NAME_PATTERN})]
Count = Annotated[int, Field(ge=1), BeforeValidator(_no_boolean)]
Tries = Annotated[int, Field(ge=0, le=100), BeforeValidator(_no_boolean)]
Cpu = Annotated[
    str,
    BeforeValidator(quantities.cpu),
    WithJsonSchema({"type": ["string", "number"], "pattern": quantities.CPU_PATTERN, "exclusiveMinimum": 0}),
]
Size = Annotated[
    str,
    BeforeValidator(quantities.size),
    WithJsonSchema({"type": ["string", "integer"], "pattern": quantities.BYTES_PATTERN, "minimum": 2**20}),
]
Amount = Annotated[
    int,
    BeforeValidator(quantities.amount),
    WithJsonSchema({"type": ["string", "integer"], "pattern": quantities.BYTES_PATTERN, "minimum": 1}),
]
Seconds = Annotated[
    int,
    BeforeValidator(quantities.seconds),
    WithJsonSchema(
        {
            "type": ["string", "integer"],
            "pattern": quantities.DURATION_PATTERN,
            "minLength": 1,
            "minimum": 1,
            "maximum": quantities.MAX_SECONDS,
        }
    ),
]


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _pattern(value: str) -> str:
    if "/" in plain_text(value):
        raise ValueError("has a '/'; give a pattern of names, such as *.shp.")
    return value


def _failures(value: object) -> str:
    text = "" if isinstance(value, bool) else str(value)
    if not re.fullmatch(_FAILURES, text) or (text.endswith("%") and float(text[:-1]) > 100):
        raise ValueError("is neither a number of items nor a percentage; give one such as 10 or 1%.")
    return text


_FAILURES = r"[0-9]{1,9}|[0-9]{1,3}(\.[0-9]{1,6})?%"
Patterns = Annotated[
    tuple[Annotated[str, AfterValidator(_pattern)], ...],
    BeforeValidator(_as_list),
    WithJsonSchema({"type": ["string", "array"], "items": {"type": "string"}}),
]
Failures = Annotated[
    str,
    BeforeValidator(_failures),
    WithJsonSchema({"type": ["string", "integer"], "pattern": f"^({_FAILURES})$", "minimum": 0}),
]


def _share(value: object) -> float:
    text = "" if isinstance(value, bool) else str(value)
    if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,6})?%", text) or float(text[:-1]) > 100:
        raise ValueError("is not a percentage; give one such as 1%.")
    return float(text[:-1]) / 100


Share = Annotated[
    float,
    BeforeValidator(_share),
    WithJsonSchema({"type": "string", "pattern": r"^[0-9]{1,3}(\.[0-9]{1,6})?%$"}),
]


class Strict(BaseModel):
    """Unknown keys are errors: a mistyped key must not be without effect."""

    model_config = ConfigDict(extra="forbid", frozen=True)
