"""Where the command line finds its API and its token: a few environment variables, kept from the existing client."""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from ogdc_shared.errors import ConfigurationError

_API_URLS = {
    "local": "https://localhost:7443/api",
    "dev": "https://ogdc.test.dataone.org/api",
}
_PRODUCTION_URL = "https://ogdc.dataone.org/api"


class ClientSettings(NamedTuple):
    """What a call to the API needs to know."""

    api_url: str
    """Without a trailing slash."""
    verify_tls: bool
    token_file: Path
    user: str
    """The name sent along to a deployment in `open` mode, which takes it on trust."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> ClientSettings:
        """Read OGDC_API_URL, ENVIRONMENT and TOKEN_CACHE_FILE; without the first two a local stack that is up wins."""
        env = os.environ if environ is None else environ
        environment = env.get("ENVIRONMENT", "")
        return cls(
            api_url=_api_url(env, environment).rstrip("/"),
            verify_tls=environment != "local",
            token_file=Path(env.get("TOKEN_CACHE_FILE") or Path.home() / ".config/ogdc/tokens.json"),
            user=env.get("OGDC_USER") or getpass.getuser(),
        )

    def access_token(self) -> str | None:
        """The stored access token, or None where `set-token` was never used.

        Raises:
            ConfigurationError: the token file is there and cannot be read.
        """
        tokens = load_tokens(self.token_file)
        return tokens.get("access_token")


def load_tokens(path: Path) -> dict[str, str]:
    """Read the token file: a JSON object with `access_token` and `refresh_token`, either of them missing perhaps."""
    try:
        tokens = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as exc:
        raise ConfigurationError(
            f"The token file {path} cannot be read: {exc}. Run `ogdc-runner set-token` to write it anew."
        ) from exc
    return tokens if isinstance(tokens, dict) else {}


def save_tokens(path: Path, tokens: Mapping[str, str]) -> None:
    """Write the token file so that only its owner can read it, in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(dict(tokens), file, indent=2)
    fresh.replace(path)


def _api_url(env: Mapping[str, str], environment: str) -> str:
    if url := env.get("OGDC_API_URL"):
        return url
    if environment:
        return _API_URLS.get(environment, _PRODUCTION_URL)
    from ogdc_cli.local.control import current

    stack = current()
    return stack.url if stack else _PRODUCTION_URL
