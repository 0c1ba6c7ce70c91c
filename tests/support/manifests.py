"""The manifests of `knative/` as an operator would apply them, and checks of them."""

from __future__ import annotations

import json
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import yaml
from kubernetes_validate.utils import schema_contents
from referencing import Registry, Resource

from support.cluster_models import MODELS

KNATIVE = Path(__file__).parents[2] / "knative"
OVERLAYS = ("local", "production")

Manifest = dict[str, Any]

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_MIN_KUBECTL = (1, 21)
"""The first version with a kustomize that supports components."""
KUBERNETES = "1.33"
"""Version of Kubernetes for checks: the oldest that docs/install.md names."""


@cache
def rendered(directory: str) -> tuple[Manifest, ...]:
    """Render a kustomization below `knative/`."""
    done = subprocess.run(
        [*_kustomize(), str(KNATIVE / directory)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return tuple(yaml.load_all(done.stdout, _Loader))


@cache
def component(name: str) -> tuple[Manifest, ...]:
    """Read the resources of a component, if it has any, as they are before an overlay changes them."""
    directory = KNATIVE / "components" / name
    [kustomization] = _read(directory / "kustomization.yaml")
    return tuple(each for file in kustomization.get("resources", ()) for each in _read(directory / file))


def _read(file: Path) -> list[Any]:
    return list(yaml.load_all(file.read_text(), _Loader))


def of_kind(manifests: tuple[Manifest, ...], kind: str, *, group: str | None = None) -> dict[str, Manifest]:
    """Pick the manifests of a kind (and API group), by name."""
    return {
        each["metadata"]["name"]: each
        for each in manifests
        if each["kind"] == kind and group in {None, group_of(each)}
    }


def group_of(manifest: Manifest) -> str:
    """Return the API group; the core one has no name."""
    return str(manifest["apiVersion"]).rpartition("/")[0]


def problems(manifest: Manifest) -> str | None:
    """Return problems of a manifest by its kind's schema: wrong values and unknown fields."""
    kind = manifest["apiVersion"], manifest["kind"]
    try:
        if kind in MODELS:
            MODELS[kind].model_validate(manifest)
        else:
            _validator(*kind).validate(manifest)
    except (ValueError, jsonschema.ValidationError) as exc:
        return str(exc)
    return None


def _schema(name: str) -> Any:
    """Read one of the schemas that come with kubernetes-validate, whose own function reads all each time."""
    return schema_contents(f"kubernetes-json-schema/v{KUBERNETES}.0-local-strict/{name}.json", KUBERNETES)


@cache
def _definitions() -> Registry[Any]:
    return Resource.from_contents(_schema("_definitions")) @ Registry()


@cache
def _validator(version: str, kind: str) -> Any:
    group, _, number = version.rpartition("/")
    short = "-".join(filter(None, (group.split(".")[0], number)))
    schema = _schema(f"{kind.lower()}-{short}")
    registry = Resource.from_contents(schema) @ _definitions()
    return jsonschema.Draft202012Validator(schema, registry=registry)


@cache
def _kustomize() -> tuple[str, ...]:
    own = KNATIVE.parent / ".venv" / "bin" / "kustomize"
    if program := shutil.which("kustomize") or (own.exists() and str(own)):
        return (program, "build")
    if _kubectl_version() >= _MIN_KUBECTL:
        return ("kubectl", "kustomize")
    raise FileNotFoundError(
        "Neither kustomize nor kubectl 1.21 or newer is there: run scripts/bootstrap dev."
    )


def _kubectl_version() -> tuple[int, int]:
    if shutil.which("kubectl") is None:
        return (0, 0)
    output = subprocess.run(
        ["kubectl", "version", "--client", "--output=json"], capture_output=True, check=True, timeout=60
    ).stdout
    version = json.loads(output)["clientVersion"]
    return int(version["major"]), int(version["minor"].rstrip("+"))
