"""The functions' settings in the local stack: its own, and what the user's environment adds."""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from ogdc_local.stack.paths import StatePaths, write_private
from ogdc_local.stack.postgres import DATABASE, USER
from ogdc_shared.dns_label import is_dns_label
from ogdc_shared.errors import ConfigurationError

_KEY = re.compile(r"[\w-]{43}", re.ASCII)
NAMESPACE = "local"
CLAIM = "workflow"
DATAONE_NODE_URL = "https://arcticdata.io/metacat/d1/mn"

INPUT_CACHE_SIZE = "20Gi"

PASSED_ON = (
    "ARGO_WORKFLOW_RETRY_ENABLED",
    "ARGO_WORKFLOW_RETRY_LIMIT",
    "ARGO_WORKFLOW_RETRY_POLICY",
    "DATAONE_NODE_URL",
    "OGDC_ALLOWED_NETWORKS",
    "OGDC_FAILED_RUN_DAYS",
    "OGDC_INPUT_CACHE_SIZE",
    "OGDC_LINK_SECONDS",
    "OGDC_LOCAL_CLAIMS",
    "OGDC_LOG_LIMIT",
    "OGDC_MAX_PARALLEL_LIMIT",
    "OGDC_MAX_PARTITIONS",
    "OGDC_SANDBOX",
    "OGDC_TEMPORARY_OUTPUT_DAYS",
    "OGDC_WORKER_CPU",
    "OGDC_WORKER_IMAGE",
    "OGDC_WORKER_MEMORY",
    "OGDC_WORKER_SCRATCH",
    "OGDC_WORKFLOW_TIMEOUT",
)
"""What a stack takes from the environment of the command that starts it."""

OF_PROGRAMS = ("GDAL_DATA", "GDAL_DRIVER_PATH", "PROJ_DATA", "PROJ_LIB", "PYTHONPATH", "LD_LIBRARY_PATH")
"""What else tells which programs of the user's own tasks find."""
_SYSTEM = ("/usr/", "/bin", "/sbin", "/snap/")

_CLAIMS_FORM = 'Give a JSON object such as {"my-data": "/home/me/data"}.'


def passed_on(environ: Mapping[str, str]) -> dict[str, str]:
    """Pick from `environ` the settings that a stack takes over."""
    return {name: environ[name] for name in PASSED_ON if environ.get(name)} | own_programs(environ)


def own_programs(environ: Mapping[str, str]) -> dict[str, str]:
    """Pick from `environ` what leads to programs of the user's own (see `sandbox.programs`)."""
    directories = [path for path in dict.fromkeys(environ.get("PATH", "").split(os.pathsep)) if _is_own(path)]
    found = {"PATH": os.pathsep.join(directories)} if directories else {}
    return found | {name: environ[name] for name in OF_PROGRAMS if directories and environ.get(name)}


def _is_own(path: str) -> bool:
    """Whether a directory of a PATH is there for this user, and none of the system's."""
    return (
        path.startswith("/")
        and not path.startswith(_SYSTEM)
        and os.access(path, os.X_OK)
        and Path(path).is_dir()
    )


def function_environment(
    paths: StatePaths,
    *,
    url: str,
    engine_url: str,
    engine_token: str,
    signing_key: str,
    settings: Mapping[str, str],
) -> dict[str, str]:
    """Put together what `Settings.from_env` reads.

    It never becomes the environment of a process, so no child inherits the signing key or the token.

    Args:
        paths: The state directory.
        url: The gateway's base URL, as users see it.
        engine_url: Base URL of the Argo API.
        engine_token: What it asks of its callers.
        signing_key: Signs artifact links.
        settings: What `passed_on` gave.
    """
    return {
        "DATAONE_NODE_URL": DATAONE_NODE_URL,
        **settings,
        "ACCESS_MODE": "open",
        "OGDC_DB_HOST": str(paths.socket_dir()),
        "OGDC_DB_NAME": DATABASE,
        "OGDC_DB_USERNAME": USER,
        "ARGO_WORKFLOWS_SERVICE_URL": engine_url,
        "ARGO_TOKEN": engine_token,
        "ARGO_NAMESPACE": NAMESPACE,
        "OGDC_ARTIFACT_DIR": str(paths.artifacts),
        "OGDC_ARTIFACT_URL": url,
        "OGDC_SIGNING_KEY": signing_key,
        "OGDC_WORKFLOW_PVC_NAME": CLAIM,
        "OGDC_ALLOWED_INPUT_PVCS": json.dumps(sorted(local_claims(settings))),
        "OGDC_ALLOW_LOCAL_RECIPES": "true",
        "OGDC_ALLOWED_SECRETS": '["*"]',  # the user's own
    }


def local_claims(settings: Mapping[str, str]) -> dict[str, Path]:
    """Read which directories stand for volume claims of a cluster: OGDC_LOCAL_CLAIMS, a JSON object.

    Returns:
        Claim name → directory.

    Raises:
        ConfigurationError: it is no such object, or names what is no directory.
    """
    value = settings.get("OGDC_LOCAL_CLAIMS", "{}")
    try:
        claims = json.loads(value)
    except ValueError as exc:
        raise ConfigurationError(f"OGDC_LOCAL_CLAIMS={value!r} is not JSON: {exc}. {_CLAIMS_FORM}") from exc
    if not isinstance(claims, dict) or not all(isinstance(path, str) for path in claims.values()):
        raise ConfigurationError(f"OGDC_LOCAL_CLAIMS={value!r}: {_CLAIMS_FORM}")
    return {name: _claim_directory(name, path) for name, path in claims.items()}


def input_cache_limit(settings: Mapping[str, str]) -> int:
    """Read how many bytes of fetched inputs are kept: OGDC_INPUT_CACHE_SIZE, such as 50Gi; 0: none.

    Raises:
        ConfigurationError: it is no such amount.
    """
    from ogdc_shared.recipe.quantities import amount

    value = settings.get("OGDC_INPUT_CACHE_SIZE", INPUT_CACHE_SIZE)
    if value == "0":
        return 0
    try:
        return amount(value)
    except ValueError as exc:
        raise ConfigurationError(f"OGDC_INPUT_CACHE_SIZE={value!r} {exc}") from exc


def _claim_directory(name: str, path: str) -> Path:
    if name == CLAIM or not is_dns_label(name):
        raise ConfigurationError(
            f"OGDC_LOCAL_CLAIMS: {name!r} is no claim name, or that of the stack's own volume; take at most "
            "63 of a to z, 0 to 9 and '-', not beginning or ending in '-'."
        )
    directory = Path(path).expanduser()
    if not directory.is_absolute() or not directory.is_dir():
        raise ConfigurationError(
            f"OGDC_LOCAL_CLAIMS: {path!r} (claim {name}) is no directory; give the whole path of one."
        )
    return directory.resolve()


def log_limit(settings: Mapping[str, str]) -> int:
    """Read how many bytes the log of one task may have: OGDC_LOG_LIMIT, such as 512Mi; 1Gi without it.

    Raises:
        ConfigurationError: it is no amount of data, or too little to say anything.
    """
    from ogdc_shared.recipe.quantities import amount, size

    value = settings.get("OGDC_LOG_LIMIT", "1Gi")
    try:
        return amount(size(value))
    except ValueError as exc:
        raise ConfigurationError(f"OGDC_LOG_LIMIT={value!r} {exc}") from exc


def load_signing_key(paths: StatePaths) -> str:
    """Read the secret that artifact links are signed with; made the first time.

    One that this did not write, or that others could have read, is replaced, which ends the links there are.
    """
    try:
        key = paths.signing_key.read_text()
        is_private = not paths.signing_key.stat().st_mode & 0o077
    except (FileNotFoundError, UnicodeDecodeError):
        return _make_signing_key(paths)
    if is_private and _KEY.fullmatch(key):
        return key
    import logging

    logging.getLogger(__name__).warning(
        "%s does not hold a key, or others may read it; it is replaced.", paths.signing_key
    )
    return _make_signing_key(paths)


def _make_signing_key(paths: StatePaths) -> str:
    key = secrets.token_urlsafe(32)
    write_private(paths.signing_key, key)
    return key
