"""The settings of the command line, in one table that parses, validates and documents them."""

# No postponed annotations: the table is read from them.
from pathlib import Path
from typing import Annotated, NamedTuple

from ogdc_shared.errors import ConfigurationError
from ogdc_shared.variables import FLAG, TEXT, Kind, Variable

PRODUCTION_URL = "https://ogdc.dataone.org/api"


def fits_header(text: str) -> bool:
    """Whether a text can be the value of an HTTP header."""
    return text.isascii() and text.isprintable() and bool(text.strip())


def _url(name: str, value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ConfigurationError(f"{name}={value!r}: give a URL such as {PRODUCTION_URL}.")
    return value.rstrip("/")


def _token(name: str, value: str) -> str:
    if not fits_header(value):
        raise ConfigurationError(f"{name} contains characters that no token has. Copy the token again.")
    return value


def _user(name: str, value: str) -> str:
    if not fits_header(value):
        raise ConfigurationError(f"{name}={value!r}: give printable ASCII characters.")
    return value


def _file(_name: str, value: str) -> Path:
    return Path(value).expanduser()


class ClientVariables(NamedTuple):
    """What the environment says; `settings` makes of it what a call needs."""

    api_url: Annotated[
        str | None,
        Variable(
            "OGDC_API_URL",
            Kind("a URL", _url),
            "URL of the deployment; not set: the one that ENVIRONMENT names, or the local stack if it"
            f" is up, or <{PRODUCTION_URL}>.",
        ),
    ] = None
    environment: Annotated[
        str | None,
        Variable(
            "ENVIRONMENT",
            TEXT,
            "Name of a deployment, as in the existing client: `local`, `dev`; anything else is production.",
        ),
    ] = None
    token: Annotated[
        str | None,
        Variable(
            "OGDC_TOKEN", Kind("a token", _token), "An access token; takes precedence over stored tokens."
        ),
    ] = None
    token_file: Annotated[
        Path | None,
        Variable(
            "TOKEN_CACHE_FILE",
            Kind("a path", _file),
            "File with stored tokens.",
            default="~/.config/ogdc/tokens.json",
        ),
    ] = None
    user: Annotated[
        str | None,
        Variable(
            "OGDC_USER",
            Kind("printable ASCII", _user),
            "User name sent to a deployment in `open` mode, which does not verify it; not set: the "
            "account's name.",
        ),
    ] = None
    plain_http: Annotated[
        bool,
        Variable("OGDC_PLAIN_HTTP", FLAG, "Whether tokens may be sent unencrypted to other machines."),
    ] = False
    dataone_token: Annotated[
        str | None,
        Variable(
            "DATAONE_TOKEN",
            Kind("a token", _token),
            "Token of the repository to publish at; takes precedence over the one for its host in "
            "`~/.config/ogdc-runner/tokens`.",
            readers="`publish`",
        ),
    ] = None
