"""What a crate tells of a run, from what its tasks have left."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogdc_shared.provenance.crate import write_crate
from ogdc_shared.provenance.description import Person, RunDescription, StageDescription
from ogdc_shared.provenance.gathering import INLINE
from ogdc_shared.provenance.recipe_copy import WITHHELD
from ogdc_shared.provenance.task_facts import TaskRecord
from support.crates import COMMANDS, RUN, RUN_ID, SHA256, Crate, facts_document

FETCHED = {"source": "https://example.org/a.tif", "name": "a.tif", "size": 7, "checksum": SHA256}
WROTE = {"name": "b.tif", "size": 8, "checksum": SHA256}


def ran(number: int = 1, **changed: Any) -> dict[str, Any]:
    usual = {"number": number, "line": number + 1, "seconds": 1.5, "cpu_seconds": 0.5, "max_memory": 4096}
    return usual | {"started_at": f"2026-11-27T15:00:0{number}.250Z"} | changed


class Facts:
    """Documents of tasks, as the worker leaves them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.tasks: list[TaskRecord] = []

    def add(self, *, stage: str = "process", task: dict[str, Any] | None = None, **sections: Any) -> None:
        partition = len(self.tasks)
        path = self.directory / f"facts-{partition}.json"
        path.write_text(facts_document(stage, **sections))
        self.tasks.append(TaskRecord(stage, partition, facts=str(path))._replace(**task or {}))


@pytest.fixture
def facts(tmp_path: Path) -> Facts:
    return Facts(tmp_path)


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    directory = tmp_path / "recipe"
    (directory / "data").mkdir(parents=True)
    (directory / "meta.yml").write_text("name: Seal tags\n")
    (directory / "recipe.sh").write_text("# two\ngdal_translate a b\ncp a b\n")
    (directory / "data/tags.csv").write_text("x,y\n")
    return directory


def made(facts: Facts, recipe: Path | None = None, run: RunDescription = RUN) -> Crate:
    directory = facts.directory / "crate"
    directory.mkdir()
    write_crate(str(directory), run, facts.tasks, recipe=None if recipe is None else str(recipe))
    crate = Crate(directory)
    crate.check()
    return crate


def test_a_crate_describes_inputs_commands_and_outputs(facts: Facts, recipe: Path) -> None:
    head = {"image": "ghcr.io/ogdc/worker:1.2@sha256:" + "ef" * 32, "software": {"gdal": "3.6.2"}}
    facts.add(head=head, fetched=[FETCHED], ran=[ran(1), ran(2)], wrote=[WROTE])
    crate = made(facts, recipe)
    [entity] = crate.referred(crate.run, "object")
    assert (entity["@id"], entity["contentSize"], entity["sha256"]) == (FETCHED["source"], "7", "9f" * 32)
    [result] = crate.referred(crate.run, "result")
    assert result["@id"] == f"arcp://uuid,{RUN_ID}/outputs/b.tif"
    first, second = (crate.entities[f"#process-0-command-{number}"] for number in (1, 2))
    assert first["description"] == COMMANDS[0].text
    assert (first["startTime"], first["endTime"]) == (
        "2026-11-27T15:00:01.250+00:00",
        "2026-11-27T15:00:02.750+00:00",
    )
    assert first["result"] == second["object"]
    assert crate.referred(second, "result") == [result]
    used = {each["name"]: each["value"] for each in crate.referred(first, "resourceUsage")}
    assert [*used.values()] == ["0.500", "4096"]
    assert crate.referred(first, "additionalProperty")[0]["value"] == "0"
    [image] = crate.referred(first, "containerImage")
    assert (image["registry"], image["name"]) == ("ghcr.io", "ogdc/worker")
    assert (image["tag"], image["sha256"]) == ("1.2", "ef" * 32)
    assert crate.named("GDAL")["softwareVersion"] == "3.6.2"
    assert crate.referred(crate.run, "agent")[0]["name"] == "Ada"


def test_a_crate_has_parameters_with_their_values(facts: Facts, recipe: Path) -> None:
    facts.add(fetched=[FETCHED], ran=[ran()])
    given = {"YEAR": 2021, "MASK": True, "AREA": {"west": -60}, "LABEL": ""}
    crate = made(facts, recipe, RUN._replace(parameters=given))
    _file, *values = crate.referred(crate.run, "object")
    assert {each["name"]: each["value"] for each in values} == {
        "YEAR": "2021",
        "MASK": "true",
        "AREA": '{"west": -60}',
        "LABEL": "",
    }
    kinds = [crate.referred(each, "exampleOfWork")[0]["additionalType"] for each in values]
    assert kinds == ["Integer", "Boolean", "Text", "Text"]


def test_a_crate_contains_the_recipe(facts: Facts, recipe: Path) -> None:
    facts.add(fetched=[{"source": "data/tags.csv", "name": "tags.csv", "size": 4}], ran=[ran()])
    crate = made(facts, recipe)
    assert (crate.directory / "recipe/recipe.sh").read_text() == (recipe / "recipe.sh").read_text()
    assert crate.run["object"] == {"@id": "recipe/data/tags.csv"}
    assert crate.entities["./"]["mainEntity"] == {"@id": "recipe/meta.yml"}


def test_a_recipe_file_that_is_also_an_input_stays_the_workflow(facts: Facts, recipe: Path) -> None:
    facts.add(fetched=[{"source": "meta.yml", "name": "meta.yml", "size": 16}], ran=[ran()])
    crate = made(facts, recipe)
    assert crate.run["object"] == {"@id": f"arcp://uuid,{RUN_ID}/inputs/meta.yml"}


def test_a_crate_without_the_recipe_has_its_commands(facts: Facts) -> None:
    facts.add(ran=[ran()])
    crate = made(facts)
    assert (crate.directory / "commands.txt").read_text().splitlines() == [each.text for each in COMMANDS]
    assert not (crate.directory / "recipe").exists()


def test_recipe_files_with_secrets_are_left_out(facts: Facts, recipe: Path) -> None:
    (recipe / "urls.txt").write_text("https://me:s3cret@example.org/a\nhttps://example.org/b?token=abcdef\n")
    (recipe / "binary").write_bytes(b"\0\xff:\n" * 100)
    facts.add(ran=[ran()])
    crate = made(facts, recipe)
    shown = (crate.directory / "recipe/urls.txt").read_text()
    assert shown == "https://***@example.org/a\nhttps://example.org/b?token=***\n"
    assert crate.entities["recipe/urls.txt"]["description"].startswith("Without")
    assert (crate.directory / "recipe/binary").read_bytes() == (recipe / "binary").read_bytes()


def test_values_with_passwords_are_left_out_of_meta_yml(facts: Facts, recipe: Path) -> None:
    (recipe / "meta.yml").write_text("value: https://me:s3cret@example.org/a\n")
    facts.add(ran=[ran()])
    crate = made(facts, recipe)
    assert (crate.directory / "recipe/meta.yml").read_text() == "value: https://***@example.org/a\n"
    assert WITHHELD in crate.entities["recipe/meta.yml"]["description"]


def test_a_text_in_another_encoding_is_redacted_as_well(facts: Facts, recipe: Path) -> None:
    (recipe / "urls.txt").write_bytes(b"https://me:s3cret@example.org/a # \xe9t\xe9\n")
    facts.add(ran=[ran()])
    shown = (made(facts, recipe).directory / "recipe/urls.txt").read_bytes()
    assert shown == b"https://***@example.org/a # \xe9t\xe9\n"


def test_a_crate_of_a_failed_run_has_the_failed_command_and_reason(facts: Facts) -> None:
    failed = ran(2, exit_code=3, failed=True)
    facts.add(ran=[ran(1), failed], task={"succeeded": False, "message": "command 2 failed"})
    crate = made(facts, run=RUN._replace(status="Failed", message="process failed"))
    assert (crate.run["error"], "result" in crate.run) == ("process failed", False)
    first, second = (crate.entities[f"#process-0-command-{number}"] for number in (1, 2))
    assert first["actionStatus"].endswith("/CompletedActionStatus")
    assert second["actionStatus"].endswith("/FailedActionStatus")
    assert second["error"] == "command 2 failed"
    assert crate.referred(second, "additionalProperty")[0]["value"] == "3"


def test_a_command_that_succeeded_on_retry_is_not_failed(facts: Facts) -> None:
    facts.add(ran=[ran(1, exit_code=1, failed=True), ran(1), ran(2)])
    crate = made(facts)
    assert crate.entities["#process-0-command-1"]["actionStatus"].endswith("/CompletedActionStatus")
    assert "ran 2 times, 1 of them without success" in crate.entities["#process-0-command-1"]["description"]
    assert [row["failed"] for row in crate.rows("executions.csv")] == ["true", "false", "false"]


def test_tasks_without_facts_are_reported(facts: Facts) -> None:
    facts.tasks.append(TaskRecord("process", 0, succeeded=False, message="killed"))
    crate = made(facts, run=RUN._replace(status="Error", message="it was killed"))
    assert "What partition 0 of process did is not known" in crate.entities["./"]["description"]
    assert crate.run["error"] == "it was killed"


@pytest.mark.parametrize(
    "text",
    ["", "[]\n", "{", '"version":1,\n"ran":[\n1\n]}\n', '{"a":1,\n"ran":[\n{"number":99}\n]}\n', "\0" * 99],
)
def test_unreadable_facts_are_reported(facts: Facts, text: str) -> None:
    facts.add(ran=[ran()])
    (facts.directory / "facts-0.json").write_text(text)
    crate = made(facts)
    assert "known in part" in crate.entities["./"]["description"]


def test_a_document_that_is_a_link_is_not_followed(facts: Facts) -> None:
    facts.add(ran=[ran()])
    (facts.directory / "facts-0.json").rename(facts.directory / "elsewhere")
    (facts.directory / "facts-0.json").symlink_to("elsewhere")
    assert "known in part" in made(facts).entities["./"]["description"]


def test_a_crate_of_a_large_run_has_tables(facts: Facts) -> None:
    for _ in range(INLINE + 1):
        wrote = [{"name": f"{len(facts.tasks)}.tif", "size": 1, "checksum": SHA256}]
        fetched = [FETCHED | {"source": f"https://example.org/{len(facts.tasks)}"}]
        facts.add(fetched=fetched, ran=[ran(1), ran(2)], wrote=wrote)
    crate = made(facts)
    assert len(crate.entities) < 50
    assert crate.run["result"] == {"@id": f"arcp://uuid,{RUN_ID}/outputs/"}
    assert len(crate.rows("files.csv")) == 2 * (INLINE + 1)
    assert len(crate.rows("executions.csv")) == 2 * (INLINE + 1)
    assert f"ran {INLINE + 1} times" in crate.entities["#process-command-1"]["description"]


def test_files_are_listed_per_task(facts: Facts) -> None:
    for name in ("one", "two"):
        fetched = [FETCHED | {"source": f"https://example.org/{name}"}]
        facts.add(fetched=fetched, ran=[ran(1), ran(2)], wrote=[WROTE | {"name": name}])
    crate = made(facts)
    for partition, name in enumerate(("one", "two")):
        first, second = (crate.entities[f"#process-{partition}-command-{each}"] for each in (1, 2))
        assert first["object"] == {"@id": f"https://example.org/{name}"}
        assert first["result"] == second["object"]
        assert second["result"] == {"@id": f"arcp://uuid,{RUN_ID}/outputs/{name}"}
    assert len(crate.referred(crate.run, "object")) == 2


def test_results_of_stages_before_the_last_are_outputs(facts: Facts) -> None:
    stages = (
        StageDescription("process", COMMANDS[:1]),
        StageDescription("build", COMMANDS[:1], has_results=True),
        StageDescription("top", COMMANDS[:1]),
    )
    facts.add(ran=[ran()], wrote=[WROTE])
    facts.add(stage="build", ran=[ran()], wrote=[{"name": "result/t.png"}, {"name": "rest"}])
    facts.add(stage="top", ran=[ran()], wrote=[{"name": "index.html"}])
    crate = made(facts, run=RUN._replace(stages=stages))
    assert [row["path"] for row in crate.rows("files.csv")] == ["t.png", "index.html"]


def test_equal_urls_with_different_content_are_two_inputs(facts: Facts) -> None:
    other = FETCHED | {"name": "again.tif", "checksum": f"sha256:{'00' * 32}"}
    facts.add(fetched=[FETCHED, FETCHED | {"name": "copy.tif"}, other], ran=[ran()])
    crate = made(facts)
    assert {each["sha256"] for each in crate.referred(crate.run, "object")} == {"9f" * 32, "00" * 32}


NASTY = st.text(min_size=1, max_size=40) | st.sampled_from(
    [
        "../../etc/passwd",
        "/etc/passwd",
        "=cmd|' /C calc'!A0",
        'a\nb,c"d',
        "\x1b[31mred",
        "./",
        "#run",
        "\U0001f40b \u200f\udcff",
    ]
)


@given(name=NASTY, source=NASTY, file=NASTY, agent=NASTY, message=NASTY)
def test_names_with_special_characters_are_escaped_in_a_crate(
    tmp_path_factory: pytest.TempPathFactory, name: str, source: str, file: str, agent: str, message: str
) -> None:
    facts = Facts(tmp_path_factory.mktemp("nasty"))
    facts.add(
        fetched=[{"source": source, "name": name, "size": 1}],
        ran=[ran(1, file=file), ran(2)],
        wrote=[{"name": name, "size": 2}],
    )
    run = RUN._replace(agent=Person(agent, agent, agent), message=message, recipe_name=name)
    crate = made(facts, run=run)
    for row in (*crate.rows("files.csv"), *crate.rows("executions.csv")):
        assert all(cell.isascii() and cell.isprintable() for cell in row.values())
        assert not any(cell.startswith(("=", "+", "@", "\t")) for cell in row.values())
    for entity in crate.of("File"):
        assert entity["@id"].isascii()
        assert not set(entity["@id"]) & set(' "<>\\^`{|}\n')
    assert {path.name for path in crate.directory.iterdir()} == {
        *("README.md", "commands.txt", "executions.csv", "files.csv", "ro-crate-metadata.json")
    }


def test_a_description_is_read_as_it_was_written() -> None:
    assert RunDescription.from_json(RUN.to_json()) == RUN
    later = json.loads(RUN.to_json()) | {"added_later": 1}
    assert RunDescription.from_json(json.dumps(later)) == RUN
