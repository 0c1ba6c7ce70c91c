"""A program for a Python with roc-validator and rocrate: checks whether a crate meets the profiles.

The documents that crates refer to are those that rocrate brings along, and the terms of runs below, so that
no network is asked. Prints an issue a line.
"""

from __future__ import annotations

import json
import sys
from importlib.resources import files
from typing import Any

import requests
from rocrate_validator import models, services

_TERMS = (
    *("ParameterConnection", "ContainerImage", "DockerImage", "SIFImage", "connection", "sourceParameter"),
    *("targetParameter", "md5", "sha1", "sha256", "sha512", "environment", "registry", "tag"),
    *("containerImage", "resourceUsage"),
)
"""Source: https://w3id.org/ro/terms/workflow-run/context."""
_DOCUMENTS = {
    "https://w3id.org/ro/crate/1.1/context": files("rocrate").joinpath("data/ro-crate.jsonld").read_bytes(),
    "https://w3id.org/ro/terms/workflow-run/context": json.dumps(
        {"@context": {term: f"https://w3id.org/ro/terms/workflow-run#{term}" for term in _TERMS}}
    ).encode(),
}


def _answer(_session: requests.Session, _method: str, url: str, **_: Any) -> requests.Response:
    response = requests.Response()
    response.url = url
    response.status_code = 200 if url in _DOCUMENTS else 503
    response.headers["Content-Type"] = "application/ld+json"
    response._content = _DOCUMENTS.get(url, b"")
    return response


def main(crate: str) -> int:
    """Validate a crate, and return 0 if it passes what is REQUIRED."""
    requests.Session.request = _answer  # type: ignore[assignment,method-assign]
    settings = services.ValidationSettings(
        rocrate_uri=crate,
        profile_identifier="provenance-run-crate-0.5",
        requirement_severity=models.Severity.REQUIRED,
        skip_availability_check=True,
    )
    result = services.validate(settings)
    for issue in result.get_issues():
        print(issue.check.identifier, issue.message)
    return 0 if result.passed() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
