from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from hera.shared import global_config
from hypothesis import given
from hypothesis import strategies as st

from ogdc_shared.argo.retry import RETRY_EXPRESSION
from ogdc_shared.config import ArgoSettings, Settings, WorkerSettings
from ogdc_shared.errors import InvalidRecipeError
from ogdc_shared.telemetry.tracing import Trace
from ogdc_shared.workflow.build import build_workflow
from ogdc_shared.workflow.facts import RecipeFacts, Stage

NAME = "ice-abcdefghij"
FACTS = RecipeFacts(recipe_id="ice", snapshot="ab" * 32)
OUR_TAGS = {
    "{{item}}",
    "{{inputs.parameters.partition}}",
    "{{inputs.parameters.partitions}}",
    "{{tasks.list.outputs.parameters.partitions}}",
}

HOSTILE = st.sampled_from(
    [
        "{{workflow.name}}",
        "{{=1+1}}",
        "a{{item}}",
        "$(id)",
        "a;b",
        "a\nb",
        "'",
        '"',
        "../x",
        "a b",
        "{",
        "1Gi\n",
    ]
)
TEXT = HOSTILE | st.text(max_size=12)
QUANTITY = st.none() | st.sampled_from(["1", "500m", "2Gi", "0.5", "100M"]) | TEXT
NUMBER = st.none() | st.integers(-5, 10**12) | TEXT


def build(recipe: RecipeFacts = FACTS, **changes: Any) -> dict[str, Any]:
    arguments: dict[str, Any] = {"name": NAME, "recipe": recipe, "partitions": 1, "settings": Settings()}
    return build_workflow(**(arguments | changes))


def texts(value: Any) -> Iterator[str]:
    """Every text in a manifest, keys too."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)
    elif isinstance(value, str):
        yield value


@given(
    recipe=st.builds(
        RecipeFacts,
        recipe_id=st.just("ice") | TEXT,
        snapshot=st.just("ab" * 32) | TEXT,
        output=st.sampled_from(["pvc", "temporary"]) | TEXT,
        cpu=QUANTITY,
        memory=QUANTITY,
        scratch=QUANTITY,
        timeout=NUMBER,
        retries=NUMBER,
        max_parallelism=NUMBER,
        claims=st.lists(st.just("data") | TEXT, max_size=2).map(tuple),
    ),
    name=st.just(NAME) | TEXT,
)
def test_nothing_handed_in_can_bring_a_template_tag(recipe: RecipeFacts, name: str) -> None:
    try:
        manifest = build(recipe, name=name, partitions=None if recipe.claims else 1)
    except (InvalidRecipeError, ValueError):
        return
    for text in texts(manifest):
        assert set(re.findall(r"\{\{.*?\}\}", text)) <= OUR_TAGS
        assert "\n" not in text


@given(st.text(min_size=1, max_size=40))
def test_text_with_template_tags_is_rejected_in_every_field(text: str) -> None:
    if re.fullmatch(r"[A-Za-z0-9.-]*", text, re.ASCII):
        return
    for fact in set(FACTS._fields) - {"later"}:
        changed: dict[str, Any] = {fact: f"{text} " if fact == "image" else text}  # which may be more
        with pytest.raises(InvalidRecipeError, match=fact):
            build(FACTS._replace(**changed))
    for fact in Stage._fields:
        changed = {fact: f"{text} " if fact == "image" else text}
        with pytest.raises(InvalidRecipeError, match=fact):
            build(FACTS._replace(later=(Stage("tiles", before="process")._replace(**changed),)))


def test_all_wrong_facts_are_named_at_once() -> None:
    with pytest.raises(InvalidRecipeError) as caught:
        build(FACTS._replace(cpu="much", memory="2 GB", output="s3"))
    assert caught.value.problems == (
        "meta.yml: output 's3' is not pvc or temporary or dataone.",
        "meta.yml: cpu 'much' is not a Kubernetes quantity such as 500m, 2 or 8Gi.",
        "meta.yml: memory '2 GB' is not a Kubernetes quantity such as 500m, 2 or 8Gi.",
    )


@pytest.mark.parametrize("changes", [{"name": "Ice"}, {"name": "a" * 64}, {"partitions": 0}])
def test_impossible_name_or_number_of_partitions_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="No workflow can be"):
        build(**changes)


def test_size_does_not_depend_on_the_number_of_partitions() -> None:
    small, large = (json.dumps(build(partitions=n)) for n in (2, 1_000_000))
    assert small.replace('"2"', '"1000000"') == large


def test_no_manifest_is_large() -> None:
    """Argo keeps it in one object of etcd, beside the state of its tasks."""
    longest = FACTS._replace(recipe_id="a" * 63, output="temporary")
    name = f"{'a' * 50}-abcdefghij"
    assert len(json.dumps(build(longest, name=name, partitions=1_000_000))) < 8 * 1024
    claims = tuple(f"{'c' * 60}-{number}" for number in range(20))
    assert len(json.dumps(build(longest._replace(claims=claims), name=name, partitions=None))) < 32 * 1024


@pytest.mark.parametrize(("claims", "partitions"), [((), None), (("dem",), 3)])
def test_only_inputs_on_volumes_are_listed_by_the_workflow(
    claims: tuple[str, ...], partitions: int | None
) -> None:
    with pytest.raises(ValueError, match="Only inputs on volumes are listed by the workflow"):
        build(FACTS._replace(claims=claims), partitions=partitions)


def test_volumes_of_inputs_are_mounted_where_recipes_look_and_cannot_be_written() -> None:
    manifest = build(FACTS._replace(claims=("dem",)), partitions=None)
    for template in manifest["spec"]["templates"]:
        mounts = {
            mount["mountPath"]: mount for mount in template.get("container", {}).get("volumeMounts", [])
        }
        assert ("/mnt/data/dem" in mounts) == (template["name"] in {"list", "process"})
        assert all(mount["readOnly"] for path, mount in mounts.items() if path.startswith("/mnt/data/"))


def test_commands_see_nothing_private_of_the_workflow_volume() -> None:
    claim = Settings().worker.volume_claim
    process = build(FACTS._replace(claims=(claim,)), partitions=None)["spec"]["templates"][2]
    mounts = {mount["mountPath"]: mount["name"] for mount in process["container"]["volumeMounts"]}
    assert mounts[f"/mnt/data/{claim}"] == "workflow"
    assert mounts[f"/mnt/data/{claim}/.ogdc"] == "scratch"


@pytest.mark.parametrize(
    ("asked", "limit", "given"), [(None, 5, 5), (3, 5, 3), (9, 5, 5)], ids=["neither", "less", "more"]
)
def test_parallelism_is_the_recipes_within_the_deployments(asked: int | None, limit: int, given: int) -> None:
    settings = Settings()
    settings = settings._replace(worker=settings.worker._replace(max_parallelism=limit))
    assert build(FACTS._replace(max_parallelism=asked), settings=settings)["spec"]["parallelism"] == given


def retry_strategy(recipe: RecipeFacts = FACTS, **argo: Any) -> Any:
    manifest = build(recipe, settings=Settings(argo=ArgoSettings(**argo)))
    strategies = [t.get("retryStrategy") for t in manifest["spec"]["templates"] if "container" in t]
    assert strategies[0] == strategies[1]
    return strategies[0]


def test_only_temporary_failures_are_retried_unless_the_operator_sets_a_policy() -> None:
    assert retry_strategy()["expression"] == RETRY_EXPRESSION
    assert retry_strategy()["retryPolicy"] == "Always"
    assert "expression" not in retry_strategy(retry_policy="OnFailure")
    assert retry_strategy(retry_policy="OnFailure")["retryPolicy"] == "OnFailure"


def test_recipe_says_how_often_and_the_operator_whether_at_all() -> None:
    assert retry_strategy(retry_limit=4)["limit"] == "4"
    assert retry_strategy(FACTS._replace(retries=1), retry_limit=4)["limit"] == "1"
    assert retry_strategy(FACTS._replace(retries=0)) is None
    assert retry_strategy(FACTS._replace(retries=7), retry_enabled=False) is None


def test_process_sees_its_own_part_of_the_volume_and_no_token() -> None:
    spec = build()["spec"]
    process = next(t for t in spec["templates"] if t["name"] == "process")
    mounts = [v for v in process["container"]["volumeMounts"] if v["name"] == "workflow"]
    own = f".ogdc/runs/{NAME}/{{{{inputs.parameters.partition}}}}"
    assert all(mount["subPath"] == own or mount["subPath"].startswith(f"{own}/") for mount in mounts)
    assert spec["automountServiceAccountToken"] is False


def test_argo_reads_nothing_that_a_command_can_replace() -> None:
    """Argo's container has keys that commands lack, and follows links in the directory they share."""
    spec = build()["spec"]
    process = next(template for template in spec["templates"] if template["name"] == "process")

    mounted = {mount["mountPath"] for mount in process["container"]["volumeMounts"]}
    packed_by_the_task = {Path(artifact["path"]) for artifact in process["outputs"]["artifacts"]}

    assert "archiveLogs" not in spec
    assert "archiveLocation" not in process
    assert "parameters" not in process["outputs"]
    assert mounted.isdisjoint(str(parent) for path in packed_by_the_task for parent in path.parents)


def test_heras_global_config_has_no_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    before = build()
    monkeypatch.setattr(global_config, "namespace", "elsewhere")
    monkeypatch.setattr(global_config, "service_account_name", "root")
    monkeypatch.setattr(global_config, "api_version", "v0")
    assert build() == before


@pytest.mark.slow
def test_building_imports_heras_models_alone_and_leaves_the_rest_of_hera_as_it_is() -> None:
    code = (
        "import sys, ogdc_shared.workflow.build; "
        "print(sorted({'hera.workflows', 'requests'} & sys.modules.keys())); "
        "from hera.workflows import Workflow, models; "
        "print(Workflow.__module__, models.Workflow.__module__)"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    of_models = "hera.workflows.models.io.argoproj.workflow.v1alpha1"
    assert printed.splitlines() == ["[]", f"hera.workflows.workflow {of_models}"]


def test_a_workflow_has_nothing_of_another_that_differs_in_names_and_digests() -> None:
    own = {
        "recipe_id": ("lakes", "rivers"),
        "snapshot": ("ab" * 32, "ba" * 32),
        "plan": ("bc" * 32, "cb" * 32),
        "partitions_digest": ("cd" * 32, "dc" * 32),
        "reuse": ("de" * 16, "ed" * 16),
        "reuse_label": ("ef" * 16, "fe" * 16),
    }
    lakes, rivers = (
        {
            "name": f"{own['recipe_id'][which]}-abcdefghij",
            "recipe": FACTS._replace(**{field: values[which] for field, values in own.items()}),
            "trace": Trace("12"[which] * 32, "34"[which] * 16),
        }
        for which in (0, 1)
    )
    first, second = build(**lakes), build(**rivers)

    text = json.dumps(first)
    for before, after in [*own.values(), ("1" * 32, "2" * 32), ("3" * 16, "4" * 16)]:
        assert before in text
        text = text.replace(before, after)
    assert json.dumps(second) == text
    second["spec"].clear()
    assert build(**lakes) == first


@pytest.mark.parametrize("variable", ["OGDC_OIDC_ISSUERS", "OGDC_EVENT_ISSUERS"])
def test_a_deployment_that_trusts_issuers_by_their_claims_gets_the_same_workflow(variable: str) -> None:
    grant = {"role": "source", "claims": {"sub": "system:serviceaccount:ogdc:*"}}
    issuer = {"issuer": "https://kubernetes.default.svc", "audience": ["ogdc-events"], "grants": [grant]}
    trusting = Settings.from_env({variable: json.dumps([issuer])})

    assert build(settings=trusting) == build(settings=Settings.from_env({}))


def test_compiling_is_thread_safe() -> None:
    names = [f"ice-{number}" for number in range(64)]
    with ThreadPoolExecutor(8) as pool:
        manifests = list(pool.map(lambda name: build(name=name), names))
    assert [manifest["metadata"]["name"] for manifest in manifests] == names


def test_the_workers_image_is_that_of_the_same_version_unless_the_operator_names_one() -> None:
    [default] = {template["container"]["image"] for template in containers(build(FACTS))}
    assert default == f"ghcr.io/qgreenland-net/ogdc-worker:{version('ogdc-runner')}"
    named = Settings(worker=WorkerSettings(image="registry.example/worker:2"))
    assert {template["container"]["image"] for template in containers(build(FACTS, settings=named))} == {
        "registry.example/worker:2"
    }


def containers(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    return [template for template in manifest["spec"]["templates"] if "container" in template]
