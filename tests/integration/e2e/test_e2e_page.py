"""The page about runs in a real browser: Debian's chromium, driven by Playwright (`make browser`)."""

from __future__ import annotations

import re
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.answers import run_fields
from support.browsing import check_accessible, check_fits, check_view, expect, made_up, submitted
from support.http import Answer, FileServer
from support.oidc_provider import CLI_CLIENT, OidcProvider
from support.stack import Stack, wait_until

pytestmark = pytest.mark.browser
COPY = "cp /input_dir/* /output_dir/"
HOSTILE = "<img src=x onerror=alert(1)>"
PAGE_CLIENT = CLI_CLIENT | {"redirect_uris": ["http://127.0.0.1/ui/"]}
LIVE_S = 6
"""Three times what the page pauses between two questions."""


def test_a_run_is_shown_live_from_its_beginning_to_its_files(
    page: Any, stack: Stack, server: FileServer, recipe: Any, shoot: Any
) -> None:
    released = threading.Event()

    def held(_: Any) -> Answer:
        released.wait(300)
        return Answer(body=b"x,y\n1,2\n")

    server.routes["/held.csv"] = held
    params = [{"type": "url", "value": f"{server.url}/held.csv"}]
    line = f"echo '{HOSTILE}'; cp /input_dir/held.csv '/output_dir/{HOSTILE}.csv'"
    parameters = [{"name": "LABEL"}, {"name": "YEARS", "type": "array", "default": [1979]}]
    made = recipe("Live", line, params=params, parameters=parameters)
    name = submitted(stack, made, "--set", f"LABEL={HOSTILE}")
    page.goto(f"{stack.url}/ui/")
    page.evaluate("window.loadedOnce = true")
    page.get_by_role("link", name=name).click()
    status = page.locator("p.status")
    expect(status).to_contain_text("Running")
    given = page.get_by_role("region", name="Parameters of this run")
    expect(given.get_by_role("row", name="LABEL")).to_contain_text(HOSTILE)
    expect(given.get_by_role("row", name="YEARS")).to_contain_text("[1979]")
    check_view(page)
    shoot(page, "running")
    released.set()
    expect(status).to_contain_text("Succeeded")
    assert page.evaluate("window.loadedOnce") is True

    page.get_by_role("link", name="Logs").click()
    expect(page.get_by_role("region", name="Log")).to_contain_text(HOSTILE)
    page.get_by_role("link", name="Recipe").click()
    expect(page.get_by_role("region", name="recipe.sh")).to_contain_text(line)
    page.get_by_role("link", name="Inputs").click()
    expect(page.get_by_role("region", name=re.compile("Inputs of"))).to_contain_text("sha256:")
    page.get_by_role("link", name="Outputs").click()
    with page.expect_download() as download:
        page.get_by_role("button", name=f"Download {HOSTILE}.csv").click()
    assert Path(download.value.path()).read_text() == "x,y\n1,2\n"
    shoot(page, "outputs")

    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.get_by_role("link", name="Overview").click()
    page.wait_for_timeout(LIVE_S * 1000)
    assert asked == [], "something is asked about a run that has ended"


def test_a_failure_is_shown_first_with_the_output_of_the_command(
    page: Any, stack: Stack, recipe: Any, shoot: Any
) -> None:
    name = submitted(stack, recipe("Fails", "true", f"echo '{HOSTILE} is missing' >&2; exit 3"))
    assert stack.wait(name)["status"] == "Failed"
    page.goto(f"{stack.url}/ui/?run={name}")
    failure = page.get_by_role("region", name="Why it failed")
    expect(failure.get_by_role("heading")).to_have_text("Command 2 of 2 failed with exit code 3")
    expect(failure.get_by_role("region", name="Output of the command")).to_have_text(f"{HOSTILE} is missing")
    expect(page.get_by_role("region", name="Warnings before the failure")).to_contain_text("left nothing")
    assert failure.bounding_box()["y"] < 900, "one has to scroll to see it"
    check_view(page)
    shoot(page, "failed")
    check_fits(page)
    shoot(page, "failed-phone")
    page.get_by_role("button", name="Retry").click()
    with page.expect_response(re.compile("/retry$")) as retried:
        page.get_by_role("alertdialog").get_by_role("button", name="Retry").click()
    assert retried.value.status == 200
    expect(failure).to_be_visible()


def test_a_run_is_cancelled_after_a_confirmation(
    page: Any, stack: Stack, server: FileServer, recipe: Any
) -> None:
    released = threading.Event()

    def held(_: Any) -> Answer:
        released.wait(300)
        return Answer(status=404)

    server.routes["/never.csv"] = held
    name = submitted(
        stack, recipe("Stopped", "true", params=[{"type": "url", "value": f"{server.url}/never.csv"}])
    )
    try:
        page.goto(f"{stack.url}/ui/?run={name}")
        page.get_by_role("button", name="Cancel", exact=True).click()
        page.get_by_role("button", name="Back").click()
        page.get_by_role("button", name="Cancel", exact=True).click()
        page.get_by_role("alertdialog").get_by_role("button", name="Cancel", exact=True).click()
        expect(page.locator("p.status")).to_contain_text("Cancelled")
        assert stack.wait(name)["status"] == "Failed"
        expect(page.get_by_role("region", name="Why it failed")).to_have_count(0)
        page.get_by_role("link", name="All runs").click()
        expect(page.get_by_role("row", name=name)).to_contain_text("Cancelled")
    finally:
        released.set()


def test_a_scheduled_run_shows_its_schedule(page: Any, stack: Stack, recipe: Any) -> None:
    directory = str(recipe("Nightly", COPY))
    added = stack.cli("triggers", "add", "nightly", "--schedule", "0 3 * * *", "--recipe", directory)
    assert added.code == 0, added
    stack.sql("UPDATE triggers SET due_at = now() WHERE name = 'nightly'")
    assert stack.api("POST", "/sweep").status == 200

    def started() -> str | None:  # by this sweep, or by one of the stack's own
        [start] = stack.api("GET", "/triggers/nightly").body["starts"] or [{"run": None}]
        name: str | None = start["run"]
        return name

    page.goto(f"{stack.url}/ui/?run={wait_until(started)}")

    expect(page.locator("dl.facts")).to_contain_text("trigger nightly, for")


def test_filters_are_part_of_the_url(page: Any, stack: Stack, recipe: Any, shoot: Any) -> None:
    good, bad = (submitted(stack, recipe(name, line)) for name, line in (("Good", COPY), ("Bad", "false")))
    for name in (good, bad):
        stack.wait(name)
    page.goto(f"{stack.url}/ui/")
    expect(page.get_by_role("link", name=good)).to_be_visible()
    check_view(page)
    shoot(page, "list")
    page.get_by_label("Status").select_option("Failed")
    expect(page.get_by_role("link", name=good)).to_have_count(0)
    expect(page.get_by_role("link", name=bad)).to_be_visible()
    assert "status=Failed" in page.url
    page.reload()
    expect(page.get_by_role("link", name=bad)).to_be_visible()
    page.get_by_label("Recipe").fill("good")
    page.keyboard.press("Enter")
    expect(page.get_by_text("No runs.")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("link", name=bad)).to_be_visible()


def test_reused_partitions_are_marked_with_the_run_they_came_from(
    page: Any, stack: Stack, recipe: Any, shoot: Any
) -> None:
    names = []
    for content in (b"b", b"another"):
        made = recipe(
            "Taken",
            'cp "$INPUT_DIR"/* "$OUTPUT_DIR"',
            params=[{"type": "file", "path": "a.txt"}, {"type": "file", "path": "b.txt"}],
            files={"a.txt": b"a", "b.txt": content},
            parallel={"enabled": True, "partition_size": 1},
        )
        names.append(submitted(stack, made))
        assert stack.wait(names[-1])["status"] == "Succeeded"
    before, name = names
    page.goto(f"{stack.url}/ui/?run={name}")
    cells = page.locator("svg .cell")
    expect(cells.get_by_text("0 ↺")).to_have_count(1)
    expect(cells.get_by_text("1 ✓")).to_have_count(1)
    expect(page.get_by_role("list", name="What the signs mean")).to_contain_text("Reused from an earlier run")
    expect(page.get_by_role("img", name="process: 2 tasks (1 Reused, 1 Succeeded)")).to_be_visible()
    expect(page.get_by_text("1 partition has no task")).to_be_visible()
    check_view(page)
    shoot(page, "reused")
    cells.get_by_text("0 ↺").click()
    expect(page.get_by_text("This partition: reused from run")).to_be_visible()
    page.get_by_role("link", name=before).click()
    expect(page).to_have_url(re.compile(f"run={before}$"))


def test_five_thousand_partitions_are_a_handful_of_elements(page: Any, stack: Stack, shoot: Any) -> None:
    number = 5_000
    phases = [
        "Failed" if each % 997 == 0 else "Running" if each > 4_000 else "Reused" if each % 3 else "Succeeded"
        for each in range(number)
    ]
    counts = {phase: phases.count(phase) for phase in set(phases)}
    tasks = [
        {
            "name": f"process({each}:{each})",
            "template": "process",
            "stage": "process",
            "partition": each,
            "phase": phases[each],
            "message": HOSTILE if phases[each] == "Failed" else None,
            "progress": None,
            "exit_code": None,
            "started_at": "2026-03-01T12:00:00+00:00",
            "finished_at": None,
        }
        for each in range(1_000)
    ]
    stage = {"stage": "process", "tasks": number, "counts": counts}
    fields = run_fields(
        name="many", status="Running", partitions=number, partition_counts=counts, tasks=tasks, stages=[stage]
    )
    made_up(page, "/runs/many", fields)
    page.route(
        re.compile(r"/runs/many/partitions"),
        lambda route: route.fulfill(json=partitions_at(phases, route.request.url)),
    )
    page.goto(f"{stack.url}/ui/?run=many")
    cells = page.locator("svg path.cell.Failed")
    expect(cells).to_have_count(1)
    wait_until(lambda: (cells.get_attribute("d") or "").count("M") == counts["Failed"])
    assert (page.locator("svg path.cell.Reused").get_attribute("d") or "").count("M") == counts["Reused"]
    expect(page.get_by_role("cell", name=HOSTILE).first).to_be_visible()
    assert page.evaluate("document.querySelectorAll('*').length") < 3_000
    check_accessible(page)
    shoot(page, "partitions")


def partitions_at(phases: list[str], url: str) -> dict[str, Any]:
    offset = int(re.findall(r"offset=(\d+)", url)[0])
    page = enumerate(phases[offset : offset + 1000], start=offset)
    listed = [{"number": n, "files": 1, "bytes": 1, "phase": phase, "message": None} for n, phase in page]
    return {"total": len(phases), "partitions": listed}


def test_stages_are_drawn_as_they_depend_on_each_other(page: Any, stack: Stack, shoot: Any) -> None:
    after = {"process": [], "build": ["process"], "paint": ["build"], "top": ["build"]}
    stages = [{"stage": name, "tasks": 1, "counts": {"Succeeded": 1}} for name in after]
    made_up(page, "/runs/map", run_fields(name="map", status="Running", partitions=1, stages=stages))
    made_up(
        page,
        "/runs/map/recipe",
        {"stages": [{"stage": name, "after": first} for name, first in after.items()], "commands": []},
    )
    page.goto(f"{stack.url}/ui/?run=map")
    drawn = page.get_by_role(
        "img", name="then paint: 1 task (1 Succeeded), alongside top: 1 task (1 Succeeded)"
    )
    expect(drawn).to_be_visible()
    expect(page.locator("svg .arrow")).to_have_count(5)
    check_fits(page)
    shoot(page, "stages-phone")


def test_a_hidden_tab_sends_no_requests(page: Any, stack: Stack) -> None:
    page.add_init_script(
        "Object.defineProperty(document, 'hidden', { get: () => window.isHidden === true });"
        "window.hide = (is) => {"
        " window.isHidden = is; document.dispatchEvent(new Event('visibilitychange')); };"
    )
    made_up(page, "/runs/seen", run_fields(name="seen", status="Running", stages=[]))
    page.goto(f"{stack.url}/ui/?run=seen")
    expect(page.locator("p.status")).to_contain_text("Running")
    page.evaluate("hide(true)")
    page.wait_for_timeout(500)  # for what is under way
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(LIVE_S * 1000)
    assert asked == []
    page.evaluate("hide(false)")
    wait_until(lambda: page.wait_for_timeout(50) or asked)


def test_an_unauthenticated_user_logs_in_with_a_token(page: Any, stack: Stack) -> None:
    def answer(route: Any) -> None:
        known = route.request.headers.get("authorization") == "Bearer ogdc_right"
        me = {
            "name": "anna",
            "issuer": "ogdc",
            "subject": "anna",
            "role": "viewer",
            "id": None,
            "token": None,
        }
        route.fulfill(
            status=200 if known else 401, json=me if known else {"detail": "It is not known who calls."}
        )

    page.route(re.compile(r":\d+/me$"), answer)
    made_up(page, "/runs/theirs", run_fields(name="theirs", status="Failed", message="no", stages=[]))
    page.route(re.compile(r"/runs/theirs/logs"), lambda route: route.fulfill(body=""))
    page.goto(f"{stack.url}/ui/?run=theirs")
    for token in ("wrong", "ogdc_right"):
        expect(page.get_by_role("heading", name="Log in")).to_be_visible()
        check_view(page)
        page.get_by_label("API token").fill(token)
        page.keyboard.press("Enter")
    expect(page.get_by_text("anna (viewer)")).to_be_visible()
    expect(page.get_by_role("button", name="Retry")).to_have_count(0)
    stored = "JSON.stringify([localStorage, sessionStorage, document.cookie])"
    assert "ogdc_right" not in page.evaluate(stored)


def test_people_log_in_at_the_issuer_and_stay_logged_in(page: Any, shoot: Any) -> None:
    with OidcProvider(clients=[PAGE_CLIENT]) as provider, logins_at(provider) as stack:
        page.goto(f"{stack.url}/ui/?status=Failed")
        button = page.get_by_role("button", name="Log in at 127.0.0.1")
        expect(button).to_be_visible()
        shoot(page, "login")
        button.click()
        expect(page.get_by_text(re.compile(r"^ada \("))).to_be_visible()
        expect(page.get_by_text("No runs.")).to_be_visible()
        assert page.url == f"{stack.url}/ui/?status=Failed"
        assert page.evaluate("sessionStorage.length + localStorage.length") == 0

        assert provider.requests().count("POST /token") == 1
        refused = lambda route: route.fulfill(status=401, json={"detail": "It has expired."})  # noqa: E731
        page.route(re.compile(r"/runs\?"), refused, times=1)
        page.get_by_label("Status").select_option("Error")
        expect(page.get_by_text("No runs.")).to_be_visible()
        wait_until(lambda: page.wait_for_timeout(50) or provider.requests().count("POST /token") == 2)

        page.goto(f"{stack.url}/ui/?code=stolen&state=of-somebody-else&run=x")
        expect(page.get_by_role("alert")).to_have_text("This tab did not begin that login.")


@contextmanager
def logins_at(provider: OidcProvider) -> Iterator[Stack]:
    settings = {
        "OGDC_LOCAL_ACCESS_MODE": "authenticated",
        "OGDC_OIDC_ISSUER": provider.issuer,
        "OGDC_OIDC_AUDIENCE": '["ogdc"]',
        "OGDC_OIDC_CLIENT": "ogdc-cli",
    }
    with tempfile.TemporaryDirectory(prefix="ogdc-page-") as directory:
        Path(directory).chmod(0o755)
        with Stack(Path(directory), **settings) as stack:
            yield stack
