"""Each sentence of docs/local-stack.md about isolation, losses and access has a test.

The table of *What is confined* is tried sentence by sentence in `test_what_is_confined`.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
E2E, STACK, ENGINE = "integration/e2e/test_e2e_", "integration/stack/test_", "integration/engine/test_engine_"
SANDBOX, PAGES = "unit/sandbox/test_sandbox_", "integration/sandbox/test_"
NO_PROMISE = ""
"""A sentence that promises nothing: what is not done, or a way to say it."""

TESTS = {
    "The commands of a recipe": NO_PROMISE,
    "Each task runs in its own": f"{SANDBOX}commands::test_root_drops_its_privileges_before_the_command",
    "The worker fetches inputs": (f"{PAGES}sandbox_network::test_only_the_first_of_the_phases_has_a_network"),
    "Only this container has": (
        f"{E2E}inputs::test_logins_secrets_and_the_cache_are_used_but_hidden_from_commands"
    ),
    "Commands only get the secrets": (
        f"{E2E}inputs::test_logins_secrets_and_the_cache_are_used_but_hidden_from_commands"
    ),
    "The kernel enforces the limits": (
        f"{SANDBOX}cgroups::test_a_cgroup_has_the_limits_and_the_processes_of_its_container"
    ),
    "Elsewhere, the stack checks": f"{ENGINE}limits::test_too_much_memory_ends_the_pod_as_on_a_cluster",
    "It checks `/tmp` once": f"{ENGINE}limits::test_too_much_scratch_ends_the_pod",
    "On a busy machine": NO_PROMISE,
    "A task that exceeds a limit": NO_PROMISE,
    "Memory means memory": (f"{ENGINE}limits::test_memory_shared_between_processes_is_counted_once"),
    "Kinds of memory that": NO_PROMISE,
    "`memfd_create` fails": (f"{ENGINE}limits::test_memory_that_is_not_mapped_is_counted_or_refused"),
    "These checks do not count": NO_PROMISE,
    "In `/tmp` they do not count": NO_PROMISE,
    "With docker or podman": f"{SANDBOX}commands::test_docker_runs_the_image_with_minimal_privileges",
    "If the system does not allow": (
        f"{SANDBOX}commands::test_without_network_namespaces_it_is_said_that_those_are_missing"
    ),
    "`OGDC_SANDBOX=none` confines": f"{SANDBOX}commands::test_running_without_a_sandbox_must_be_requested",
    "Commands find the same programs": NO_PROMISE,
    "Directories of your `PATH` outside": f"{SANDBOX}programs::test_an_installation_is_mounted_completely",
    "Symbolic links in them": (
        f"{SANDBOX}programs::test_targets_of_links_are_mounted_with_their_installation"
    ),
    "`GDAL_DATA`, `PROJ_DATA`": f"{SANDBOX}programs::test_variables_of_the_gdal_that_is_found_are_passed_on",
    "These are not mounted": (
        f"{SANDBOX}programs::test_home_and_state_directories_and_their_parents_are_never_mounted"
    ),
    "Otherwise they are dropped": f"{SANDBOX}programs::test_variables_that_lead_elsewhere_are_left_out",
    "The virtual environment of ogdc-runner": f"{SANDBOX}programs::test_the_order_of_the_users_path_is_kept",
    "`run` or `up` from a shell": f"{STACK}stack::test_other_settings_restart_an_idle_stack",
    "If any process is killed": f"{E2E}kills::test_random_kills_lose_repeat_and_falsify_nothing",
    "PostgreSQL writes every commit": (
        f"{STACK}postgres_server::test_killed_server_is_noticed_and_comes_back_with_every_commit"
    ),
    "When the stack's own process dies": (
        f"{ENGINE}recovery::test_after_a_kill_running_tasks_run_again_and_finished_ones_do_not"
    ),
    "A power cut loses": "unit/test_durability::test_what_a_command_wrote_before_it_counts_as_finished",
    "Remove the state directory in": NO_PROMISE,
    "A damaged file loses": NO_PROMISE,
    "A damaged `port`": f"{STACK}damaged_state::test_an_invalid_signing_key_is_replaced",
    "A `lock` that is not": "unit/stack/test_state_paths::test_a_log_that_is_no_file_is_put_aside",
    "A damaged `engine.sqlite`": (
        f"{STACK}damaged_state::test_any_state_directory_works_and_damaged_files_are_reported_and_set_aside"
    ),
    "A workflow that the engine cannot": (
        f"{ENGINE}containment::test_a_state_that_cannot_be_recorded_ends_only_its_own_workflow"
    ),
    "Other workflows continue": (f"{ENGINE}containment::test_a_damaged_record_ends_only_its_own_workflow"),
    "Only processes of the stack's": f"{STACK}gateway::test_other_users_of_the_machine_are_refused",
    "The stack asks the kernel": (f"{STACK}gateway::test_connections_of_other_users_cannot_block_the_user"),
    "A connection that has not": f"{STACK}gateway::test_connections_without_a_request_are_closed",
    "Web pages are rejected": f"{STACK}gateway::test_pages_of_other_sites_are_refused",
    "Workflows can be viewed": f"{STACK}gateway::test_workflows_are_read_only",
    "PostgreSQL listens on a socket": f"{STACK}postgres_server::test_it_listens_only_on_a_private_socket",
    "If root starts": f"{STACK}postgres_server::test_root_without_user_namespaces_runs_it_as_nobody",
}
SECTIONS = ("What is confined", "What can be lost", "Who may use it")


def sentences() -> list[str]:
    """The sections' sentences but for tables and headings."""
    page = (ROOT / "docs/local-stack.md").read_text()
    found: list[str] = []
    for section in SECTIONS:
        text = page.partition(f"## {section}\n")[2].partition("\n## ")[0]
        lines = [line.removeprefix("- ") for line in text.splitlines() if not line.startswith(("|", "#"))]
        found += re.split(r"(?<=[.:])\s+(?=[A-Z`])", " ".join(" ".join(lines).split()))
    return found


def test_every_sentence_is_held_by_a_test() -> None:
    found = sentences()
    assert [each for each in found if not any(each.startswith(words) for words in TESTS)] == []
    assert [words for words in TESTS if not any(each.startswith(words) for each in found)] == []


def test_the_tests_are_there() -> None:
    for named in filter(None, TESTS.values()):
        file, _, name = named.partition("::")
        assert f"def {name}(" in (ROOT / f"tests/{file}.py").read_text(), named
