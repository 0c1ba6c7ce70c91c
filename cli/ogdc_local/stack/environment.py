"""The functions' settings in the local stack: its own, with additions from the user's environment."""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from ogdc_local.sandbox import programs
from ogdc_local.sandbox.base import CERTIFICATE_VARIABLES
from ogdc_local.settings import AUTHENTICATED, CLAIM, StackSettings
from ogdc_local.stack.paths import StatePaths, read_state, write_private
from ogdc_shared.redact import redact_url
from ogdc_shared.servers.proxies import PROXY_VARIABLES
from ogdc_shared.variables import read_variable

_KEY = re.compile(r"[\w-]{43}", re.ASCII)
NAMESPACE = "local"
NODE_SECRET = "ogdc-dataone"  # noqa: S105  its name
"""Name of the secret with the user's token for the member node; recipes cannot request it."""
DATAONE_NODE_URL = "https://arcticdata.io/metacat/d1/mn"

PASSED_ON = (
    "ARGO_WORKFLOW_RETRY_ENABLED",
    "ARGO_WORKFLOW_RETRY_LIMIT",
    "ARGO_WORKFLOW_RETRY_POLICY",
    "DATAONE_NODE_URL",
    "OGDC_ALLOWED_NETWORKS",
    "OGDC_DATAONE_PUBLISH",
    "OGDC_DELIVERY_DAYS",
    "OGDC_ECHO_PROCESS",
    "OGDC_EVENT_DAYS",
    "OGDC_FAILED_RUN_DAYS",
    "OGDC_INPUT_CACHE_SIZE",
    "OGDC_LINK_SECONDS",
    "OGDC_LOCAL_ACCESS_MODE",
    "OGDC_LOCAL_CLAIMS",
    "OGDC_LOG_DAYS",
    "OGDC_LOG_LIMIT",
    "OGDC_MAX_PARALLEL_LIMIT",
    "OGDC_MAX_PARTITIONS",
    "OGDC_PROCESSES",
    "OGDC_REUSE_DAYS",
    "OGDC_REUSE_SIZE",
    "OGDC_RUNS_AT_ONCE",
    "OGDC_RUNS_PER_RECIPE",
    "OGDC_RUN_DAYS",
    "OGDC_SANDBOX",
    "OGDC_TASKS_AT_ONCE",
    "OGDC_TASK_DAYS",
    "OGDC_TEMPORARY_OUTPUT_DAYS",
    "OGDC_USER_RUNS_AT_ONCE",
    "OGDC_VISUALIZATION_IMAGE",
    "OGDC_VISUALIZATION_RESOURCES",
    "OGDC_WORKER_CPU",
    "OGDC_WORKER_IMAGE",
    "OGDC_WORKER_MEMORY",
    "OGDC_WORKER_SCRATCH",
    "OGDC_WORKFLOW_TIMEOUT",
)
"""Settings that a stack takes from the environment of the command that starts it."""

OF_LOGINS = (
    "OGDC_CREATE_USERS",
    "OGDC_DEFAULT_ROLE",
    "OGDC_MAX_QUEUED_RUNS",
    "OGDC_MAX_REQUESTS",
    "OGDC_MAX_RUNNING_RUNS",
    "OGDC_MAX_TOKEN_DAYS",
    "OGDC_OIDC_AUDIENCE",
    "OGDC_OIDC_CLIENT",
    "OGDC_OIDC_ISSUER",
    "OGDC_OIDC_ISSUERS",
    "OGDC_OIDC_NAME_CLAIMS",
    "OGDC_OIDC_ROLE_CLAIM",
    "OGDC_OIDC_SCOPES",
    "OGDC_PUBLIC_READ",
    "OGDC_SCOPE_ADMIN",
    "OGDC_SCOPE_SUBMIT",
    "OGDC_SCOPE_VIEW",
    "OGDC_TOKEN_DAYS",
    "OIDC_CLIENT_SECRETS_FILE",
)
"""Further ones if users of the stack log in; otherwise these belong to another deployment."""

OF_FETCHING = ("NETRC", "XDG_CONFIG_HOME", *CERTIFICATE_VARIABLES, *PROXY_VARIABLES)
"""Further variables that affect how inputs are fetched."""
_SYSTEM = ("/usr/", "/bin", "/sbin", "/snap/")


def passed_on(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the settings in `environ` that a stack takes over; passwords of proxies are left out."""
    names = (*PASSED_ON, *OF_LOGINS) if wants_logins(environ) else PASSED_ON
    found = {name: environ[name] for name in names if environ.get(name)} | own_programs(environ)
    return found | {name: redact_url(environ[name]) for name in OF_FETCHING if environ.get(name)}


def wants_logins(settings: Mapping[str, str]) -> bool:
    """Whether users of a stack with these settings log in, as in a deployment."""
    mode: str = read_variable(StackSettings, "access_mode", settings)
    return mode == AUTHENTICATED


def own_programs(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables in `environ` for programs that the user has installed (see `sandbox.programs`)."""
    directories = [path for path in dict.fromkeys(environ.get("PATH", "").split(os.pathsep)) if _is_own(path)]
    found = {"PATH": os.pathsep.join(directories)} if directories else {}
    return found | {name: environ[name] for name in programs.VARIABLES if directories and environ.get(name)}


def _is_own(path: str) -> bool:
    """Whether a directory of PATH is accessible and not one of the system's."""
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
    with_images: bool = False,
) -> dict[str, str]:
    """Build the environment for `Settings.from_env`.

    It never becomes the environment of a process, so no child inherits the signing key or the token.

    Args:
        paths: The state directory.
        url: The gateway's base URL, as seen by users.
        engine_url: Base URL of the Argo API.
        engine_token: Bearer token for that API.
        signing_key: Key for artifact links.
        settings: The output of `passed_on`.
        with_images: Whether tasks run in the images of their templates.
    """
    from ogdc_local.stack.postgres import DATABASE, USER

    return {
        "DATAONE_NODE_URL": DATAONE_NODE_URL,
        **settings,
        "ACCESS_MODE": read_variable(StackSettings, "access_mode", settings),
        "OGDC_DB_HOST": str(paths.socket_dir()),
        "OGDC_DB_NAME": DATABASE,
        "OGDC_DB_USERNAME": USER,
        "ARGO_WORKFLOWS_SERVICE_URL": engine_url,
        "ARGO_TOKEN": engine_token,
        "ARGO_NAMESPACE": NAMESPACE,
        "OGDC_ARTIFACT_DIR": str(paths.artifacts),
        "OGDC_ARTIFACT_URL": url,
        "OGDC_PUBLISHED_DIR": str(paths.volume),
        "OGDC_SIGNING_KEY": signing_key,
        "OGDC_WORKFLOW_PVC_NAME": CLAIM,
        "OGDC_ALLOWED_INPUT_PVCS": json.dumps(sorted(read_variable(StackSettings, "claims", settings))),
        "OGDC_ALLOW_LOCAL_RECIPES": "true",
        "OGDC_DATAONE_SECRET": NODE_SECRET,
        "OGDC_VISUALIZATION_WITHOUT_IMAGE": str(not with_images).lower(),
        "OGDC_ALLOWED_SECRETS": '["*"]',  # the user's own
    }


def load_signing_key(paths: StatePaths) -> str:
    """Read the secret that artifact links are signed with; made the first time.

    One that this did not write, or that others could have read, is replaced, which ends the links there are.
    """
    try:
        key = read_state(paths.signing_key)
        if _KEY.fullmatch(key) and not paths.signing_key.stat().st_mode & 0o077:
            return key
    except FileNotFoundError:
        return _make_signing_key(paths)
    except (OSError, ValueError):
        pass
    import logging

    logging.getLogger(__name__).warning(
        "%s does not hold a key, or others may read it; it is replaced.", paths.signing_key
    )
    return _make_signing_key(paths)


def _make_signing_key(paths: StatePaths) -> str:
    key = secrets.token_urlsafe(32)
    write_private(paths.signing_key, key)
    return key
