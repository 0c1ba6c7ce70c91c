"""What `knative/` renders to: valid for every API, and in agreement with itself and with the code."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from ogdc_functions.argo_events import SWEEP_REQUESTED
from ogdc_shared.api.routes import ROUTES, Function
from ogdc_shared.auth.permissions import SOURCE
from ogdc_shared.config import Settings
from ogdc_shared.workflow.facts import NETWORK_LABEL
from support.installed import UPLOADS
from support.manifests import KNATIVE, OVERLAYS, Manifest, component, of_kind, problems, rendered

ROOT = KNATIVE.parent
SERVING = "serving.knative.dev"
COMPONENTS = sorted(path.name for path in (KNATIVE / "components").iterdir())

Choice = Callable[[str, str], str]
"""Method and path of a request → the host name it is sent on under."""

RESERVED = {"PORT", "K_SERVICE", "K_CONFIGURATION", "K_REVISION"}


@pytest.fixture(params=OVERLAYS)
def manifests(request: pytest.FixtureRequest) -> tuple[Manifest, ...]:
    return rendered(f"overlays/{request.param}")


def functions(manifests: tuple[Manifest, ...]) -> dict[str, Manifest]:
    return of_kind(manifests, "Service", group=SERVING)


def pod(manifest: Manifest) -> dict[str, Any]:
    """What a Service, Job or CronJob runs; empty for all else."""
    template = manifest.get("spec", {}).get("jobTemplate", manifest)
    spec: dict[str, Any] = template.get("spec", {}).get("template", {}).get("spec", {})
    return spec


def environment(manifest: Manifest) -> dict[str, Any]:
    return {entry["name"]: entry for entry in pod(manifest)["containers"][0]["env"]}


def processes(function: Manifest) -> int:
    return int(environment(function).get("WORKERS", {"value": 1})["value"])


def settings(manifests: tuple[Manifest, ...]) -> dict[str, str]:
    [found] = [
        each for name, each in of_kind(manifests, "ConfigMap").items() if name.startswith("ogdc-settings-")
    ]
    data: dict[str, str] = found["data"]
    return data


class TestSchemas:
    @pytest.mark.slow
    @pytest.mark.parametrize("overlay", OVERLAYS)
    def test_all_that_is_applied_is_valid(self, overlay: str):
        found = {
            f"{each['kind']}/{each['metadata']['name']}": problems(each)
            for each in rendered(f"overlays/{overlay}")
        }

        assert {name: problem for name, problem in found.items() if problem} == {}

    @pytest.mark.parametrize("name", COMPONENTS)
    def test_every_component_is_valid(self, name: str):
        assert [problem for each in component(name) if (problem := problems(each))] == []

    @pytest.mark.slow
    def test_manifests_of_the_cluster_tests_are_valid(self):
        installed = rendered("../tests/cluster/overlay")

        assert [problem for each in installed if (problem := problems(each))] == []
        assert Settings.from_env(settings(installed)).uploads.buckets == (UPLOADS,)

    def test_manifests_outside_the_overlay_are_valid(self):
        grant = yaml.safe_load((KNATIVE / "components/gateway-api/reference-grant.yaml").read_text())

        assert problems(grant) is None

    @pytest.mark.slow
    def test_an_unknown_field_is_detected(self, manifests):
        source = of_kind(manifests, "ApiServerSource")["workflows"]

        assert "selectors" in str(problems(source | {"spec": source["spec"] | {"selectors": []}}))

    def test_a_wrong_value_is_detected(self, manifests):
        broker = of_kind(manifests, "Broker")["ogdc"]

        assert problems(broker | {"spec": {"delivery": {"retry": "often"}}})


class TestFunctions:
    def test_all_functions_scale_to_zero_and_have_a_maximum(self, manifests):
        for each in functions(manifests).values():
            annotations = each["spec"]["template"]["metadata"]["annotations"]
            assert annotations["autoscaling.knative.dev/min-scale"] == "0"
            assert int(annotations["autoscaling.knative.dev/max-scale"]) >= 1

    def test_knative_sets_its_own_variables_itself(self, manifests):
        for each in functions(manifests).values():
            assert not environment(each).keys() & RESERVED

    def test_each_serves_what_its_entrypoint_defines(self, manifests):
        assert functions(manifests).keys() == {each.replace("_", "-") for each in Function}
        for each in functions(manifests).values():
            env = environment(each)
            source = Path(env["FUNCTION_SOURCE"]["value"])
            entrypoint = ROOT / "functions" / "entrypoints" / source.name
            assert source.parent == Path("/opt/ogdc/entrypoints")
            assert re.search(rf"^{env['FUNCTION_TARGET']['value']} = ", entrypoint.read_text(), re.MULTILINE)

    def test_each_function_has_a_thread_for_probes(self, manifests):
        for each in functions(manifests).values():
            threads = processes(each) * int(environment(each)["THREADS"]["value"])
            assert 0 < threads - pod(each)["containerConcurrency"] <= processes(each)

    def test_functions_are_reachable_only_through_the_entry(self, manifests):
        for each in functions(manifests).values():
            assert each["metadata"]["labels"]["networking.knative.dev/visibility"] == "cluster-local"

    def test_a_changed_setting_makes_a_new_revision(self, manifests):
        [name] = [name for name in of_kind(manifests, "ConfigMap") if name.startswith("ogdc-settings-")]
        for each in functions(manifests).values():
            sources = pod(each)["containers"][0].get("envFrom", [])
            assert {entry["configMapRef"]["name"] for entry in sources if "configMapRef" in entry} <= {name}

    def test_the_database_allows_all_connections_of_the_functions(self, manifests):
        wanted = sum(
            int(each["spec"]["template"]["metadata"]["annotations"]["autoscaling.knative.dev/max-scale"])
            * processes(each)
            * int(environment(each).get("OGDC_DB_POOL_SIZE", {"value": 0})["value"])
            for each in functions(manifests).values()
        )
        parameters = of_kind(manifests, "Cluster")["ogdc-database"]["spec"]["postgresql"]["parameters"]

        assert wanted + 20 <= int(parameters["max_connections"])


class TestPrivileges:
    def test_every_container_is_confined(self, manifests):
        for each in manifests:
            for container in pod(each).get("containers", []):
                context = container["securityContext"]
                assert context["allowPrivilegeEscalation"] is False
                assert context["readOnlyRootFilesystem"] is True
                assert context["capabilities"] == {"drop": ["ALL"]}
                assert {**pod(each).get("securityContext", {}), **context}["runAsNonRoot"] is True
                assert container["resources"]["limits"]["memory"]

    @pytest.mark.parametrize(
        ("account", "allowed"),
        [
            ("ogdc-submit", {"workflows": "create delete get patch update", "pods": "delete"}),
            ("ogdc-upload", {"workflows": "create get"}),
            ("ogdc-status", {"workflows": "get list watch", "pods": "get list watch", "pods/log": "get"}),
            ("ogdc-workflow-watcher", {"workflows": "get list watch"}),
            ("argo-workflow", {"workflowtaskresults": "create patch"}),
            ("ogdc-users", {}),
            ("ogdc-argo-events", {}),
            ("ogdc-dead-letters", {}),
            ("ogdc-migrate", {}),
            ("ogdc-tidy", {}),
        ],
    )
    def test_accounts_have_minimal_permissions(self, manifests, account, allowed):
        roles = of_kind(manifests, "Role")
        rules = [
            rule
            for binding in of_kind(manifests, "RoleBinding").values()
            if account in {subject["name"] for subject in binding["subjects"]}
            for rule in roles[binding["roleRef"]["name"]]["rules"]
        ]

        assert {name: " ".join(rule["verbs"]) for rule in rules for name in rule["resources"]} == allowed
        if not allowed:
            assert of_kind(manifests, "ServiceAccount")[account]["automountServiceAccountToken"] is False

    def test_nothing_is_granted_beyond_the_namespace(self, manifests):
        assert not of_kind(manifests, "ClusterRole")
        assert not of_kind(manifests, "ClusterRoleBinding")

    def test_every_used_account_is_defined(self, manifests):
        accounts = of_kind(manifests, "ServiceAccount").keys()
        used = {pod(each)["serviceAccountName"] for each in functions(manifests).values()}

        assert used | {settings(manifests)["ARGO_SERVICE_ACCOUNT_NAME"]} <= accounts

    def test_argo_finds_the_token_of_its_own_containers(self, manifests):
        account = settings(manifests)["ARGO_SERVICE_ACCOUNT_NAME"]
        token = of_kind(manifests, "Secret")[f"{account}.service-account-token"]

        assert token["type"] == "kubernetes.io/service-account-token"
        assert token["metadata"]["annotations"]["kubernetes.io/service-account.name"] == account

    def test_manifests_contain_no_secrets(self, manifests):
        assert not any(
            each.get("data") or each.get("stringData") for each in of_kind(manifests, "Secret").values()
        )

    def test_tasks_accept_no_connections_and_reach_only_what_they_need(self, manifests):
        policy = of_kind(manifests, "NetworkPolicy")["tasks"]["spec"]

        assert policy["policyTypes"] == ["Ingress", "Egress"]
        assert "ingress" not in policy
        assert [port["port"] for rule in policy["egress"] for port in rule["ports"]] == [53, 53]

    def test_one_rule_allows_tasks_to_reach_the_kubernetes_api(self, manifests):
        policies = of_kind(manifests, "NetworkPolicy")
        [rule] = policies["tasks-to-the-api-server"]["spec"]["egress"]

        assert [port["port"] for port in rule["ports"]] == [443, 6443]
        assert (
            policies["tasks-to-the-api-server"]["spec"]["podSelector"]
            == policies["tasks"]["spec"]["podSelector"]
        )

    @pytest.mark.parametrize("name", ["tasks-to-the-internet", "functions-to-the-internet"])
    def test_rules_for_the_internet_exclude_private_addresses(self, manifests, name):
        [rule] = of_kind(manifests, "NetworkPolicy")[name]["spec"]["egress"]

        private = {"10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"}
        # Addresses for documentation and tests are not public either, and some networks give them to nodes.
        reserved = {"192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4"}
        metadata = {"168.63.129.16/32", "192.0.0.0/24"}
        assert private | reserved | metadata <= set(rule["to"][0]["ipBlock"]["except"])
        assert {"fc00::/7", "fe80::/10"} <= set(rule["to"][1]["ipBlock"]["except"])

    def test_tasks_without_network_do_not_reach_the_internet(self, manifests):
        selector = of_kind(manifests, "NetworkPolicy")["tasks-to-the-internet"]["spec"]["podSelector"]
        compiled = yaml.safe_load((ROOT / "tests/golden/workflows/sequential-pvc.yaml").read_text())
        labels = {
            template["name"]: template["metadata"]["labels"][NETWORK_LABEL]
            for template in compiled["spec"]["templates"]
            if "container" in template
        }

        assert {"key": NETWORK_LABEL, "operator": "NotIn", "values": ["none"]} in selector["matchExpressions"]
        assert labels == {"process": "inputs", "publish": "none"}

    def test_functions_have_a_policy_for_both_directions(self, manifests):
        policies = of_kind(manifests, "NetworkPolicy")
        every = [{"key": "serving.knative.dev/service", "operator": "Exists"}]

        for name, direction in (("functions", "Ingress"), ("functions-outwards", "Egress")):
            assert policies[name]["spec"]["policyTypes"] == [direction]
            assert policies[name]["spec"]["podSelector"]["matchExpressions"] == every

    def test_events_reach_the_functions_that_need_no_internet(self, manifests):
        policy = of_kind(manifests, "NetworkPolicy")["functions-to-the-internet"]["spec"]
        [chosen] = policy["podSelector"]["matchExpressions"]

        assert set(chosen["values"]) == functions(manifests).keys() - {"argo-events", "dead-letters"}

    def test_the_object_store_is_reachable_only_at_its_authenticated_port(self):
        store = component("s3")
        [container] = pod(of_kind(store, "Deployment")["s3"])["containers"]
        policies = of_kind(store, "NetworkPolicy")
        [port] = of_kind(store, "Service")["s3"]["spec"]["ports"]
        [rule] = policies["s3"]["spec"]["ingress"]

        assert "-ip.bind=127.0.0.1" in container["args"]
        assert [arg for arg in container["args"] if "0.0.0.0" in arg] == ["-s3.ip.bind=0.0.0.0"]
        assert rule["ports"] == [{"protocol": "TCP", "port": port["port"]}]
        assert policies["s3"]["spec"]["policyTypes"] == ["Ingress", "Egress"]
        assert "egress" not in policies["s3"]["spec"]
        admitted = [each["podSelector"]["matchExpressions"][0]["key"] for each in rule["from"]]
        assert admitted == ["serving.knative.dev/service", "workflows.argoproj.io/workflow"]

    def test_ingress_and_egress_rules_match(self, manifests):
        policies = of_kind(manifests, "NetworkPolicy")
        for name, port in (("functions-to-database", 5432), ("functions-to-s3", 8333)):
            if name in policies:
                [rule] = policies[name]["spec"]["egress"]
                [chosen] = policies[name]["spec"]["podSelector"]["matchExpressions"]
                assert rule["ports"] == [{"protocol": "TCP", "port": port}]
                assert set(chosen["values"]) <= functions(manifests).keys()

    def test_all_functions_with_events_require_a_token(self, manifests):
        taking = {"argo-events", "submit", "upload"}
        for name, function in functions(manifests).items():
            source = environment(function).get("OGDC_EVENT_TOKEN", {}).get("valueFrom")
            assert source == (
                {"secretKeyRef": {"name": "ogdc-events", "key": "token"}} if name in taking else None
            )


class TestAgreement:
    def test_the_services_accept_the_settings(self, manifests):
        taken = Settings.from_env(settings(manifests))

        assert taken.argo.namespace == "ogdc"
        assert taken.worker.volume_claim in of_kind(manifests, "PersistentVolumeClaim")

    def test_every_setting_in_the_manifests_exists(self, manifests):
        page, _, _ = (ROOT / "docs" / "settings.md").read_text().partition("## The stack on one machine")
        names = set(settings(manifests)).union(*map(environment, functions(manifests).values()))
        of_the_framework = {"FUNCTION_TARGET", "FUNCTION_SOURCE", "THREADS", "WORKERS"}

        assert {name for name in names - of_the_framework if f"`{name}`" not in page} == set()

    def test_all_is_in_one_namespace(self, manifests):
        [namespace] = of_kind(manifests, "Namespace")
        placed = {each["metadata"].get("namespace") for each in manifests} - {None}

        assert placed == {namespace} == {settings(manifests)["ARGO_NAMESPACE"]}

    def test_argo_and_the_functions_use_the_same_artifact_store(self, manifests):
        repositories = of_kind(manifests, "ConfigMap")["artifact-repositories"]
        chosen = repositories["metadata"]["annotations"]["workflows.argoproj.io/default-artifact-repository"]
        s3 = yaml.safe_load(repositories["data"][chosen])["s3"]
        scheme = "http" if s3.get("insecure") else "https"

        assert s3["bucket"] == settings(manifests)["OGDC_S3_BUCKET"]
        assert f"{scheme}://{s3['endpoint']}" == settings(manifests)["INTERNAL_S3_ENDPOINT_URL"]

    def test_the_functions_image_has_the_programs_that_its_jobs_run(self, manifests):
        removed = re.findall(r"&& rm -r ([\w ]+)", (KNATIVE / "Dockerfile").read_text())[0].split()
        jobs = of_kind(manifests, "Job") | of_kind(manifests, "CronJob")
        commands = [pod(job)["containers"][0]["command"] for job in jobs.values()]
        packages = {command[2].partition(".")[0] for command in commands if command[:2] == ["python", "-m"]}

        assert packages == {"ogdc_shared", "ogdc_worker"}
        assert packages.isdisjoint(removed)

    def test_argo_does_not_archive_logs(self, manifests):
        """Its container has the artifact store's key, and would follow a link left in the log's place."""
        repositories = of_kind(manifests, "ConfigMap")["artifact-repositories"]["data"]

        assert [name for name, text in repositories.items() if yaml.safe_load(text).get("archiveLogs")] == []

    def test_events_are_sent_to_existing_functions(self, manifests):
        there = functions(manifests).keys()
        broker = of_kind(manifests, "Broker")["ogdc"]
        triggers = of_kind(manifests, "Trigger")

        assert {each["spec"]["broker"] for each in triggers.values()} == {"ogdc"}
        assert of_kind(manifests, "ApiServerSource")["workflows"]["spec"]["sink"]["ref"]["name"] == "ogdc"
        assert broker["spec"]["delivery"]["deadLetterSink"]["ref"]["name"] in there
        assert {each["spec"]["subscriber"]["ref"]["name"] for each in triggers.values()} <= there
        assert of_kind(manifests, "PingSource")["sweep"]["spec"]["sink"]["ref"]["name"] in there

    def test_events_survive_an_outage_and_are_delayed_less_than_two_minutes(self, manifests):
        delivery = of_kind(manifests, "Broker")["ogdc"]["spec"]["delivery"]
        seconds = int(delivery["backoffDelay"].removeprefix("PT").removesuffix("S"))
        pauses = [attempt * seconds for attempt in range(delivery["retry"])]

        assert delivery["backoffPolicy"] == "linear"
        assert sum(pauses) >= 900
        assert max(pauses) < 120

    def test_with_schedules_the_sweep_runs_three_times_a_minute(self):
        """Of a PingSource's six fields the first is seconds; a tick lost, or early, is no minute's delay."""
        schedules = yaml.safe_load((KNATIVE / "components/schedules/kustomization.yaml").read_text())
        [change] = yaml.safe_load(schedules["patches"][0]["patch"])

        seconds, *rest = change["value"].split()

        assert (seconds, rest) == ("*/20", ["*"] * 5)

    def test_replies_of_argo_events_only_wake_the_sweep(self, manifests):
        triggers = of_kind(manifests, "Trigger")

        assert triggers["sweep-requested"]["spec"]["filters"] == [{"exact": {"type": SWEEP_REQUESTED}}]
        assert triggers["sweep-requested"]["spec"]["subscriber"]["uri"] == "/sweep"
        excluded = [each["not"]["prefix"]["type"] for each in triggers["uploads"]["spec"]["filters"]]
        assert any(SWEEP_REQUESTED.startswith(prefix) for prefix in excluded)

    def test_workflows_have_the_label_they_are_watched_by(self, manifests):
        [watched] = of_kind(manifests, "ApiServerSource")["workflows"]["spec"]["resources"]
        [expression] = watched["selector"]["matchExpressions"]
        compiled = yaml.safe_load((ROOT / "tests/golden/workflows/sequential-pvc.yaml").read_text())

        assert expression["key"] in compiled["metadata"]["labels"]

    def test_the_route_has_a_reference_grant(self):
        grant = yaml.safe_load((KNATIVE / "components/gateway-api/reference-grant.yaml").read_text())
        route = of_kind(component("gateway-api"), "HTTPRoute")["ogdc"]
        backends = {
            (ref["namespace"], ref["name"]) for rule in route["spec"]["rules"] for ref in rule["backendRefs"]
        }

        assert backends == {(grant["metadata"]["namespace"], entry["name"]) for entry in grant["spec"]["to"]}


def gateway_choice(method: str, path: str) -> str:
    """The host name that the HTTPRoute sends a request on to."""
    for rule in of_kind(component("gateway-api"), "HTTPRoute")["ogdc"]["spec"]["rules"]:
        for match in rule["matches"]:
            value = match["path"]["value"]
            inside = path == value or path.startswith(value.rstrip("/") + "/")
            if match.get("method", method) == method and (
                path == value if match["path"]["type"] == "Exact" else inside
            ):
                return str(rule["filters"][0]["urlRewrite"]["hostname"])
    raise AssertionError(f"nothing takes {method} {path}")


def nginx_choice(method: str, path: str) -> str:
    """The host name that the Ingress sends a request on to; it does not look at the method."""
    ingresses = of_kind(component("ingress-nginx"), "Ingress")
    chosen = next(
        ingress
        for ingress in (ingresses["users"], ingresses["submit"], ingresses["status"])
        if re.match(ingress["spec"]["rules"][0]["http"]["paths"][0]["path"], path)
    )
    return str(chosen["metadata"]["annotations"]["nginx.ingress.kubernetes.io/upstream-vhost"])


def traefik_choice(method: str, path: str) -> str:
    """The host name that the IngressRoute sends a request on to."""
    manifests = component("ingress-traefik")
    users, first, other = of_kind(manifests, "IngressRoute")["ogdc"]["spec"]["routes"]
    [of_users] = re.findall(r"^Host\(`(?:.+)`\) && PathRegexp\(`(.+)`\)$", users["match"])
    words = re.fullmatch(
        r"Host\(`(.+)`\) && \(Method\(`DELETE`\) \|\| Method\(`PUT`\) \|\| "
        r"Method\(`POST`\) && PathRegexp\(`(.+)`\)\)",
        first["match"],
    )
    assert words
    assert other["match"] == f"Host(`{words[1]}`)"
    assert users["priority"] > max(len(first["match"]), len(other["match"]))
    taken = method in {"DELETE", "PUT"} or (method == "POST" and re.search(words[2], path))
    rule = users if re.search(of_users, path) else first if taken else other
    [middleware] = rule["middlewares"]
    headers = of_kind(manifests, "Middleware")[middleware["name"]]["spec"]["headers"]
    return str(headers["customRequestHeaders"]["Host"])


class TestEntries:
    """Each way in leads what changes something to submit, what is read to status, and nothing elsewhere."""

    @pytest.mark.parametrize("prefix", ["", "/api"])
    @pytest.mark.parametrize("entry", [gateway_choice, nginx_choice, traefik_choice])
    def test_every_operation_reaches_the_function_that_has_it(self, entry: Choice, prefix: str):
        for route in ROUTES:
            shared = route.path.startswith(("/triggers", "/processes", "/jobs")) or route.name == "remove_run"
            by_method = shared and route.name != "execute"
            if route.permission == SOURCE or (entry is nginx_choice and by_method and route.method != "GET"):
                continue
            called = prefix + re.sub(r"{\w+}", "tiles-5wvf3nink2", route.path)
            function = Function.STATUS if Function.STATUS in route.functions else route.functions[0]
            assert entry(route.method, called) == f"{function}.ogdc.svc.cluster.local", called

    @pytest.mark.parametrize("entry", [gateway_choice, nginx_choice, traefik_choice])
    def test_event_endpoints_are_not_reachable_from_outside(self, entry: Choice):
        paths = [route.path for route in ROUTES if route.permission == SOURCE]
        for path in ("/", *paths, *(f"/api{path}" for path in paths)):
            assert entry("POST", path) == "status.ogdc.svc.cluster.local"

    def test_the_overlay_sets_the_host_for_traefik(self, tmp_path: Path):
        (tmp_path / "host.yaml").write_text(
            "apiVersion: v1\nkind: ConfigMap\n"
            "metadata: {name: host, annotations: {config.kubernetes.io/local-config: 'true'}}\n"
            "data: {host: api.example.net}\n"
        )
        component_path = os.path.relpath(KNATIVE / "components/ingress-traefik", tmp_path.resolve())
        (tmp_path / "kustomization.yaml").write_text(
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
            f"resources: [host.yaml]\ncomponents: [{component_path}]\n"
        )

        manifests = rendered(str(tmp_path))

        assert {each["kind"] for each in manifests} == {"IngressRoute", "Middleware"}
        for each, before in zip(
            of_kind(manifests, "IngressRoute")["ogdc"]["spec"]["routes"],
            of_kind(component("ingress-traefik"), "IngressRoute")["ogdc"]["spec"]["routes"],
            strict=True,
        ):
            assert each["match"] == before["match"].replace("ogdc.example.org", "api.example.net")


def test_every_test_named_under_isolation_exists():
    page = (ROOT / "docs" / "install.md").read_text()
    section = page[page.index("## Isolation") : page.index("**Whom the cluster trusts:**")]
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    named = set(re.findall(r"`(test_\w+|Test\w+)`", section))

    assert len(named) >= 10
    assert {name for name in named if f"def {name}(" not in tests and f"class {name}:" not in tests} == set()
