"""The schema of a recipe's parameters in `meta.yml`."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from ogdc_shared.recipe.field_types import Strict, Text

NAME_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]{0,62}$"
MAX_PARAMETERS = 64
_TAKEN = re.compile(
    r"(OGDC|ARGO|TRIGGER|KUBERNETES|LD|DYLD|LC|COMP|READLINE)_.*|(BASH|PYTHON|PERL5).*|_|PS[0-9]"
    r"|(INPUT|OUTPUT)_(DIR|FILE)|RECIPE_DIR|CONFIG_FILE|GDAL_(DATA|DRIVER_PATH)|PROJ_(DATA|LIB)"
    r"|(?i:(all|ftp|http|https|no)_proxy)"
)
"""Variables that configure the worker or the loading of programs."""
_OF_SHELLS = frozenset(
    [
        "CDPATH",
        "DIRSTACK",
        "ENV",
        "EPOCHREALTIME",
        "EPOCHSECONDS",
        "EUID",
        "FCEDIT",
        "FIGNORE",
        "FPATH",
        "FUNCNAME",
        "GLOBIGNORE",
        "GROUPS",
        "HISTCMD",
        "HISTFILE",
        "HOME",
        "HOSTNAME",
        "HOSTTYPE",
        "IFS",
        "INPUTRC",
        "LANG",
        "LANGUAGE",
        "LINENO",
        "LOGNAME",
        "MACHTYPE",
        "MAIL",
        "MAILPATH",
        "MAPFILE",
        "OLDPWD",
        "OPTARG",
        "OPTERR",
        "OPTIND",
        "OSTYPE",
        "PATH",
        "PERLLIB",
        "PIPESTATUS",
        "POSIXLY_CORRECT",
        "PPID",
        "PROMPT_COMMAND",
        "PWD",
        "RANDOM",
        "REPLY",
        "SECONDS",
        "SHELL",
        "SHELLOPTS",
        "SHLVL",
        "SRANDOM",
        "TEMP",
        "TERM",
        "TIMEFORMAT",
        "TMOUT",
        "TMP",
        "TMPDIR",
        "UID",
        "USER",
        "ZDOTDIR",
        "path",
    ]
)
"""Variables with a meaning for shells and most programs.

Source: bash(1), section "Shell Variables"; POSIX.1-2017, XBD chapter 8.
"""


def _name(value: str) -> str:
    if not re.fullmatch(NAME_PATTERN, value):
        raise ValueError(
            "is not a variable name; give at most 63 letters, digits and '_', not starting with a digit."
        )
    if _TAKEN.fullmatch(value) or value in _OF_SHELLS:
        raise ValueError("is a variable that shells, programs or tasks use already; choose another name.")
    return value


def _no_boolean(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("is not a number; give one.")  # noqa: TRY004  pydantic collects only these
    return value


Bound = Annotated[float, Field(allow_inf_nan=False), BeforeValidator(_no_boolean)]


class RecipeParameter(Strict):
    """A value that each run is given: an environment variable of the recipe's commands."""

    name: Annotated[
        str,
        AfterValidator(_name),
        Field(description="Also the variable's.", json_schema_extra={"pattern": NAME_PATTERN}),
    ]
    type: Literal["string", "integer", "number", "boolean", "array", "object"] = Field(
        default="string",
        description="As in JSON Schema. Commands get `true` or `false` of a boolean, and JSON of an array or "
        "an object.",
    )
    title: Text | None = Field(default=None, description="What people call it.")
    description: Text | None = None
    enum: Annotated[tuple[Any, ...], Field(min_length=1)] | None = Field(
        default=None, description="The values that there are."
    )
    minimum: Bound | None = Field(default=None, description="The least, of an integer or a number.")
    maximum: Bound | None = Field(default=None, description="The most, likewise.")
    pattern: Text | None = Field(
        default=None,
        description="A regular expression for a string, without look-around and back-references; it has to "
        "match somewhere.",
    )
    default: Any = Field(default=None, description="Without one, each run has to be given a value.")

    @property
    def is_required(self) -> bool:
        """Whether each run has to be given a value."""
        return self.default is None
