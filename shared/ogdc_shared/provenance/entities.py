"""The entities of a crate, as JSON-LD.

Source: RO-Crate 1.1; Process, Workflow and Provenance Run Crate 0.5 (https://w3id.org/ro/wfrun).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ogdc_shared.provenance import uris
from ogdc_shared.provenance.description import ORCID

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ogdc_shared.provenance.description import Person
    from ogdc_shared.provenance.executions import Total

CONTEXT = ["https://w3id.org/ro/crate/1.1/context", "https://w3id.org/ro/terms/workflow-run/context"]
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/provenance/0.5": ("Provenance Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}
RUNNER = "https://github.com/QGreenland-Net/ogdc-runner"
_GETRUSAGE = "https://man7.org/linux/man-pages/man2/getrusage.2.html"
_TERMS = "https://w3id.org/ro/terms/workflow-run"
_UNITS = "http://qudt.org/vocab/unit"
_DONE, _FAILED = (f"http://schema.org/{status}ActionStatus" for status in ("Completed", "Failed"))
SOFTWARE = {
    "gdal": ("https://gdal.org/", "GDAL"),
    "python": ("https://www.python.org/", "Python"),
    "linux": ("https://www.kernel.org/", "Linux"),
}
"""Page and title of well-known software, by name."""
_TYPES = {bool: "Boolean", int: "Integer", float: "Float"}
"""Type of a parameter, by the Python type of its value; others are text in JSON."""
MEDIA_TYPES = {
    "csv": "text/csv",
    "fgb": "application/flatgeobuf",
    "geojson": "application/geo+json",
    "gpkg": "application/geopackage+sqlite3",
    "html": "text/html",
    "json": "application/json",
    "md": "text/markdown",
    "nc": "application/netcdf",
    "parquet": "application/vnd.apache.parquet",
    "png": "image/png",
    "sh": "application/x-sh",
    "tif": "image/tiff;application=geotiff",
    "tiff": "image/tiff;application=geotiff",
    "txt": "text/plain",
    "vrt": "application/xml",
    "yaml": "application/yaml",
    "yml": "application/yaml",
    "zip": "application/zip",
}


PARAMETER = "#parameter-"
"""Prefix of a parameter's id."""
VALUE = "-value"
"""Suffix that turns a parameter's id into that of its value."""


def ref(name: str) -> dict[str, str]:
    """Return a reference to an entity."""
    return {"@id": name}


def refs(names: Sequence[str]) -> Any:
    """Return references to entities; a single one is not put into a list, as the profiles require."""
    return ref(names[0]) if len(names) == 1 else [ref(name) for name in names]


def entity(uri: str, kind: str | list[str], /, **properties: Any) -> dict[str, Any]:
    """Return an entity with the properties that are not empty."""
    known = {key: value for key, value in properties.items() if value not in (None, "", [], ())}
    return {"@id": uri, "@type": kind} | known


def profiles() -> list[dict[str, Any]]:
    """Return the entities of the profiles that the crate conforms to."""
    return [
        entity(uri, "CreativeWork", name=name, version=version) for uri, (name, version) in PROFILES.items()
    ]


def person(agent: Person) -> dict[str, Any]:
    """Return the entity of a run's owner; the id is their ORCID iD if they log in with it."""
    is_orcid = agent.issuer.rstrip("/") == ORCID
    name = f"{ORCID}/{uris.path_uri(agent.subject)}" if is_orcid else f"#user-{uris.path_uri(agent.subject)}"
    return entity(name, "Person", name=agent.name)


def software(name: str, version: str) -> dict[str, Any]:
    """Return the entity of a program that commands used."""
    known, title = SOFTWARE.get(name, (f"#software-{uris.path_uri(name)}", name))
    return entity(known, "SoftwareApplication", name=title, softwareVersion=version, url=_page(known))


def _page(uri: str) -> dict[str, str] | None:
    return ref(uri) if uris.is_url(uri) else None


def runner(version: str) -> dict[str, Any]:
    """Return the entity of ogdc-runner."""
    about = {"name": "ogdc-runner", "softwareVersion": version, "url": ref(RUNNER)}
    return entity(RUNNER, "SoftwareApplication", **about)


def image(reference: str) -> dict[str, Any]:
    """Return the entity of a container image, with its digest if the reference has one.

    Source: distribution/reference of the OCI's distribution, for how to parse a reference.
    """
    named, _, digest = reference.partition("@")
    place, _, tag = named.rpartition(":") if ":" in named.rpartition("/")[2] else (named, "", "")
    first, _, rest = place.partition("/")
    has_registry = bool(rest) and ("." in first or ":" in first or first == "localhost")
    return entity(
        f"#image-{uris.path_uri(reference)}",
        "ContainerImage",
        additionalType=ref(f"{_TERMS}#DockerImage"),
        registry=first if has_registry else "docker.io",
        name=rest if has_registry else place,
        tag=tag,
        sha256=digest.removeprefix("sha256:") if digest.startswith("sha256:") else None,
    )


def usage(total: Total, action: str) -> list[dict[str, Any]]:
    """Return the CPU time and memory of commands and their child processes, as measured by the kernel."""
    return [
        entity(
            f"{action}-cpu",
            "PropertyValue",
            name="CPU time, in user and in kernel mode",
            propertyID=f"{_GETRUSAGE}#ru_utime",
            unitCode=f"{_UNITS}/SEC",
            value=f"{total.cpu_seconds:.3f}",
        ),
        entity(
            f"{action}-memory",
            "PropertyValue",
            name="Memory of the largest process",
            propertyID=f"{_GETRUSAGE}#ru_maxrss",
            unitCode=f"{_UNITS}/BYTE",
            value=str(total.max_memory),
        ),
    ]


def exit_code(total: Total, action: str) -> dict[str, Any]:
    """Return the exit code of a command."""
    name = "exit code" if total.count == 1 else "exit code of the last time"
    return entity(f"{action}-exit", "PropertyValue", name=name, value=str(total.exit_code))


def parameter_name(name: str) -> str:
    """Return the id of a parameter."""
    return f"{PARAMETER}{name}"


def parameter(name: str, value: Any) -> list[dict[str, Any]]:
    """Return the entities of a parameter's value and of the parameter."""
    given = f"{parameter_name(name)}{VALUE}"
    kind = next((kind for kinds, kind in _TYPES.items() if isinstance(value, kinds)), "Text")
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return [
        entity(given, "PropertyValue", name=name, exampleOfWork=ref(parameter_name(name))) | {"value": text},
        entity(
            parameter_name(name),
            "FormalParameter",
            name=name,
            additionalType=kind,
            workExample=ref(given),
            conformsTo=ref("https://bioschemas.org/profiles/FormalParameter/1.0-RELEASE"),
        ),
    ]


def status(failed: bool) -> str:
    """Return the status of an action."""
    return _FAILED if failed else _DONE


def license_of(stated: str | None) -> dict[str, Any]:
    """Return the entity of the result's license, which is a URL or an SPDX id; None means unknown."""
    if stated is None:
        return entity("#no-license", "CreativeWork", name="No license", description="The recipe states none.")
    if uris.is_url(stated):
        return entity(uris.url(stated), "CreativeWork", name=stated)
    return entity(f"https://spdx.org/licenses/{uris.path_uri(stated)}", "CreativeWork", name=stated)


def media_type(path: str) -> str | None:
    """Return the media type for a path's suffix, or None if unknown."""
    return MEDIA_TYPES.get(path.rpartition("/")[2].rpartition(".")[2].lower())
