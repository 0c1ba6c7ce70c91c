"""The functions' settings in the local stack: its own, and what the user's environment adds."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from ogdc_cli.local.paths import StatePaths, write_private
from ogdc_cli.local.postgres import DATABASE, USER

NAMESPACE = "local"
CLAIM = "workflow"
DATAONE_NODE_URL = "https://arcticdata.io/metacat/d1/mn"

PASSED_ON = (
    "ARGO_WORKFLOW_RETRY_ENABLED",
    "ARGO_WORKFLOW_RETRY_LIMIT",
    "ARGO_WORKFLOW_RETRY_POLICY",
    "DATAONE_NODE_URL",
    "OGDC_LINK_SECONDS",
    "OGDC_MAX_PARALLEL_LIMIT",
    "OGDC_SANDBOX",
    "OGDC_TEMPORARY_OUTPUT_DAYS",
    "OGDC_WORKER_CPU",
    "OGDC_WORKER_MEMORY",
    "OGDC_WORKER_SCRATCH",
    "OGDC_WORKFLOW_TIMEOUT",
)
"""What a stack takes from the environment of the command that starts it."""


def passed_on(environ: Mapping[str, str]) -> dict[str, str]:
    """Pick from `environ` the settings that a stack takes over."""
    return {name: environ[name] for name in PASSED_ON if environ.get(name)}


def function_environment(
    paths: StatePaths, *, url: str, engine_url: str, signing_key: str, settings: Mapping[str, str]
) -> dict[str, str]:
    """Put together what `Settings.from_env` reads.

    It never becomes the environment of a process, so no child inherits the signing key.

    Args:
        paths: The state directory.
        url: The gateway's base URL, as users see it.
        engine_url: Base URL of the Argo API.
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
        "ARGO_NAMESPACE": NAMESPACE,
        "OGDC_ARTIFACT_DIR": str(paths.artifacts),
        "OGDC_ARTIFACT_URL": url,
        "OGDC_SIGNING_KEY": signing_key,
        "OGDC_WORKFLOW_PVC_NAME": CLAIM,
        "OGDC_ALLOW_LOCAL_RECIPES": "true",
    }


def load_signing_key(paths: StatePaths) -> str:
    """Read the secret that artifact links are signed with; made the first time."""
    try:
        return paths.signing_key.read_text()
    except FileNotFoundError:
        key = secrets.token_urlsafe(32)
        write_private(paths.signing_key, key)
        return key
