from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ogdc_shared.recipe.explain import explain
from ogdc_shared.recipe.models import RecipeMeta
from support.recipes import good_meta, inputs


def problems(**changes: Any) -> tuple[str, ...]:
    with pytest.raises(ValidationError) as raised:
        RecipeMeta.model_validate(good_meta(**changes))
    return explain(raised.value, file="meta.yml")


def accepted(**changes: Any) -> RecipeMeta:
    return RecipeMeta.model_validate(good_meta(**changes))


# --- what is taken ---


def test_only_name_workflow_and_input_are_needed() -> None:
    meta = accepted(output=None)
    assert meta.output.type == "pvc"
    assert meta.workflow.type == "shell"
    assert meta.workflow.sh_file == "recipe.sh"
    assert not meta.workflow.parallel.enabled
    assert (meta.workflow.timeout, meta.workflow.retries, meta.workflow.resources.memory) == (
        None,
        None,
        None,
    )


@pytest.mark.parametrize("text", ["CC-BY-4.0", "CC0-1.0", "https://example.org/terms?v=1"])
@pytest.mark.parametrize("kind", ["pvc", "temporary", "dataone"])
def test_an_output_may_have_a_license(text: str, kind: str) -> None:
    assert accepted(output={"type": kind, "license": text}).output.license == text


@pytest.mark.parametrize("text", ["as you like", "", "-", "javascript:x", "https://example.org/a b", "a\nb"])
def test_what_is_no_license_is_refused(text: str) -> None:
    [problem] = problems(output={"type": "pvc", "license": text})
    assert problem.startswith("meta.yml: output")
    assert "license" in problem


@pytest.mark.parametrize(
    ("output", "kind"),
    [
        ({}, "pvc"),
        ({"type": "temporary"}, "temporary"),
        ({"dataone_id": "doi:10.5072/x"}, "pvc"),
        ({"type": "dataone"}, "dataone"),
    ],
)
def test_an_output_may_leave_out_its_type(output: dict[str, str], kind: str) -> None:
    assert accepted(output=output).output.type == kind


@pytest.mark.parametrize(
    ("workflow", "kind"),
    [({}, "shell"), ({"sh_file": "a.sh"}, "shell"), ({"config_file": "a.json"}, "visualization")],
)
def test_a_workflow_may_leave_out_its_type(workflow: dict[str, str], kind: str) -> None:
    assert accepted(workflow=workflow).workflow.type == kind


def test_all_kinds_of_fetched_inputs_mix() -> None:
    meta = accepted(
        input=inputs(
            {"type": "url", "value": "https://example.org/a.tif"},
            {"type": "url_list", "file": "lists/urls.txt"},
            {"type": "file", "path": "data/points.csv"},
            {"type": "dataone", "dataset_identifier": "resource_map_doi:10.5072/A", "filename": "*_?.nc"},
        )
    )
    assert [param.type for param in meta.input.params] == ["url", "url_list", "file", "dataone"]


def test_resources_and_timeout_are_read() -> None:
    meta = accepted(
        workflow={
            "resources": {"cpu": 0.5, "memory": "4Gi", "scratch": "1.5T"},
            "timeout": "1h30m",
            "retries": 0,
        }
    )
    assert (meta.workflow.resources.cpu, meta.workflow.resources.memory) == ("0.5", "4Gi")
    assert (meta.workflow.timeout, meta.workflow.retries) == (5400, 0)


def test_a_volume_input_has_a_pattern_for_all_files() -> None:
    (param,) = accepted(input=inputs({"type": "pvc_mount", "claim_name": "dem", "path": "/"})).input.params
    assert param.type == "pvc_mount"
    assert param.glob == "*"


# --- what is reported ---


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (
            {"name": None},
            "name: is missing; add it (The recipe's name: letters, digits, spaces, '.' and '-'.)",
        ),
        ({"input": None}, "input: is missing; add it."),
        ({"name": 2023}, 'name: 2023 is not a text; put quotes around it: "2023".'),
        (
            {"name": False},
            "name: False is not a text; YAML reads no, off or false as this value; put quotes around the "
            "word.",
        ),
        ({"name": ["a"]}, "name: a list is not a text; give a single value."),
        ({"name": "sea_ice"}, "name: 'sea_ice' cannot have '_' as character 4;"),
        (
            {"workflow": {"type": "shell", "parallel": {"items": 5}}},
            "workflow.parallel.items: 5 cannot be used; give a text, or a list of texts.",
        ),
        ({"outputs": {}}, "outputs: unknown key; did you mean output?"),
        (
            {"author": "me"},
            "author: unknown key; possible here: name, workflow, input, output, parameters, metadata.",
        ),
        ({"workflow": []}, "workflow: a list is not a mapping; give `key: value` lines, indented below it."),
        ({"workflow": "shell"}, "workflow: 'shell' is not a mapping;"),
        ({"workflow": {"type": "shel"}}, "workflow.type: 'shel' is not a type for this; did you mean shell?"),
        (
            {"workflow": {"type": "R"}},
            "workflow.type: 'R' is not a type for this; possible here: shell, visualization.",
        ),
        ({"workflow": {"shfile": "a"}}, "workflow.shfile: unknown key; did you mean sh_file?"),
        ({"workflow": {"sh_file": 1}}, "workflow.sh_file: 1 is not a text;"),
        ({"workflow": {"sh_file": ""}}, "workflow.sh_file: '' is empty;"),
        (
            {"workflow": {"sh_file": "a\nb"}},
            r"workflow.sh_file: 'a\nb' has the control character '\n' at position 2;",
        ),
        ({"workflow": {"sh_file": "a\0"}}, r"workflow.sh_file: 'a\x00' has the control character"),
        ({"workflow": {"timeout": "soon"}}, "workflow.timeout: 'soon' is not a length of time;"),
        ({"workflow": {"timeout": 0}}, "workflow.timeout: 0 is 0 seconds; give at least 1 second"),
        ({"workflow": {"retries": -1}}, "workflow.retries: -1 cannot be used; give at least 0."),
        ({"workflow": {"retries": 1000}}, "workflow.retries: 1000 cannot be used; give at most 100."),
        ({"workflow": {"retries": 1.5}}, "workflow.retries: 1.5 cannot be used; give a whole number."),
        ({"workflow": {"retries": True}}, "workflow.retries: True is not a number; give a whole number."),
        ({"workflow": {"retries": "many"}}, "workflow.retries: 'many' cannot be used; give a whole number."),
        (
            {"workflow": {"parallel": {"partition_size": 0}}},
            "workflow.parallel.partition_size: 0 cannot be used; give at least 1.",
        ),
        (
            {"workflow": {"parallel": {"enabled": "maybe"}}},
            "workflow.parallel.enabled: 'maybe' cannot be used; give true or false.",
        ),
        (
            {"workflow": {"parallel": {"partition_strategy": "rows"}}},
            "workflow.parallel.partition_strategy: 'rows' cannot be used; give 'files', 'size' or 'names'.",
        ),
        (
            {"workflow": {"parallel": {"partition_bytes": "1Gi"}}},
            "workflow.parallel.partition_bytes: '1Gi' requires `partition_strategy: size`; add that,",
        ),
        (
            {
                "workflow": {
                    "parallel": {
                        "partition_strategy": "size",
                        "partition_size": 2,
                        "partition_bytes": "1Gi",
                    }
                }
            },
            "workflow.parallel.partition_bytes: '1Gi' contradicts partition_size; give one of the two.",
        ),
        (
            {"workflow": {"parallel": {"items": "tiles/*.tif"}}},
            "workflow.parallel.items[0]: 'tiles/*.tif' has a '/'; give a pattern of names, such as *.shp.",
        ),
        *(
            (
                {"workflow": {"parallel": {"allowed_failures": value}}},
                f"workflow.parallel.allowed_failures: {value!r} is neither a number of items nor a "
                "percentage;",
            )
            for value in (-1, "101%", "1 %", "many")
        ),
        (
            {"workflow": {"parallel": {"partition_strategy": "size", "partition_bytes": 0}}},
            "workflow.parallel.partition_bytes: 0 is less than one byte;",
        ),
        (
            {"workflow": {"parallel": {"max_paralellism": 2}}},
            "workflow.parallel.max_paralellism: unknown key; did you mean max_parallelism?",
        ),
        ({"workflow": {"parallel": None}}, "workflow.parallel: has no value; give one, or remove the key."),
        (
            {"workflow": {"resources": {"memory": "4GB"}}},
            "workflow.resources.memory: '4GB' is not an amount of bytes;",
        ),
        (
            {"workflow": {"resources": {"memory": 4}}},
            "workflow.resources.memory: 4 is less than 1Mi, too little",
        ),
        (
            {"workflow": {"resources": {"cpu": "two"}}},
            "workflow.resources.cpu: 'two' is not an amount of CPU;",
        ),
        ({"input": inputs()}, "input.params: a list cannot be used; give at least one."),
        (
            {"input": {"params": {"type": "url"}}},
            "input.params: a mapping cannot be used; give a list,",
        ),
        (
            {"input": inputs({"value": "https://a.org"})},
            "input.params[0].type: is missing; give one of url, url_list, file, dataone, pvc_mount, upload.",
        ),
        (
            {"input": inputs({"type": "urls"})},
            "input.params[0].type: 'urls' is not a type for this; did you mean url?",
        ),
        (
            {"input": inputs({"type": "url"})},
            "input.params[0].value: is missing; add it (An https, http, ftp, s3 or gs URL.)",
        ),
        (
            {"input": inputs({"type": "url", "value": None})},
            "input.params[0].value: has no value; give one, or remove the key.",
        ),
        (
            {"input": inputs({"type": "url", "value": "data.tif"})},
            "input.params[0].value: 'data.tif' is not a URL to fetch from;",
        ),
        (
            {"input": inputs({"type": "dataone", "dataset_identifier": "a b"})},
            "input.params[0].dataset_identifier: 'a b' is not a DataONE identifier;",
        ),
        ({"output": "pvc"}, "output: 'pvc' is not a mapping;"),
        (
            {"output": {"type": "s3"}},
            "output.type: 's3' is not a type for this; possible here: pvc, temporary, dataone.",
        ),
        (
            {"output": {"type": "temporary", "days": 3}},
            "output.days: unknown key; possible here: license, type.",
        ),
    ],
)
def test_a_mistake_is_reported_with_key_value_and_advice(changes: dict[str, Any], problem: str) -> None:
    (messages,) = problems(**changes)
    assert messages.startswith(f"meta.yml: {problem}")


def test_all_mistakes_are_reported_together() -> None:
    messages = problems(
        name="a_b",
        input=inputs({"type": "url", "valeu": "https://example.org"}, {"type": "file", "path": "../a"}),
        extra=1,
    )
    assert [problem.split(": ")[1] for problem in messages] == [
        "name",
        "input.params[0].value",
        "input.params[0].valeu",
        "input.params[1].path",
        "extra",
    ]


def test_of_very_many_mistakes_the_first_are_reported() -> None:
    messages = problems(input=inputs(*[{"type": "url", "value": "x"}] * 1000))
    assert len(messages) == 21
    assert messages[-1] == "meta.yml: and 980 more; fix these first."


def test_a_long_value_is_told_shortened() -> None:
    (messages,) = problems(name="_" * 100_000)
    assert len(messages) < 300


# --- what tries to break out ---

BREAKOUTS = [
    "; rm -rf /",
    "$(id)",
    "`id`",
    "'\"",
    "{{workflow.name}}",
    "{{=1+1}}",
    "&& x",
    "|x",
    "%0a",
    "\\",
    "*?[a",
]
CONTROL = ["\n", "\r", "\0", "\x1b[31m", "\x85", "\u2028"]


@pytest.mark.parametrize("text", BREAKOUTS)
def test_text_that_means_something_to_a_shell_or_template_is_only_text(text: str) -> None:
    value = f"https://example.org/{text.replace(' ', '%20')}"
    meta = accepted(
        input=inputs(
            {"type": "url", "value": value},
            {"type": "dataone", "dataset_identifier": text.replace(" ", ""), "filename": text},
        )
    )
    url, dataone = meta.input.params
    assert url.value == value  # type: ignore[union-attr]
    assert dataone.filename == text  # type: ignore[union-attr]


@pytest.mark.parametrize("text", [*BREAKOUTS, *CONTROL, "../a", "/"])
def test_shell_or_template_syntax_in_names_and_claims_is_rejected(text: str) -> None:
    assert problems(name=f"a{text}") != ()
    params = inputs({"type": "pvc_mount", "claim_name": f"a{text}", "path": "/"})
    assert "is not a claim name" in problems(input=params)[0]


@pytest.mark.parametrize("character", CONTROL)
@pytest.mark.parametrize(
    ("param", "key"),
    [
        ({"type": "url"}, "value"),
        ({"type": "url_list"}, "file"),
        ({"type": "file"}, "path"),
        ({"type": "dataone"}, "dataset_identifier"),
        ({"type": "dataone", "dataset_identifier": "a"}, "filename"),
        ({"type": "pvc_mount", "claim_name": "a"}, "path"),
        ({"type": "pvc_mount", "claim_name": "a", "path": "/"}, "glob"),
    ],
)
def test_control_characters_are_refused_wherever_they_stand(
    param: dict[str, str], key: str, character: str
) -> None:
    (messages,) = problems(input=inputs(param | {key: f"https://example.org/a{character}b"}))
    assert messages.startswith(f"meta.yml: input.params[0].{key}: ")


@pytest.mark.parametrize("value", ["../secrets", "a/../../b", "..", "/..", "a/.."])
@pytest.mark.parametrize("key", ["path", "glob"])
def test_a_volume_input_stays_on_its_volume(key: str, value: str) -> None:
    param = {"type": "pvc_mount", "claim_name": "dem", "path": "/"} | {key: value}
    assert "leaves the volume" in problems(input=inputs(param))[0]


def test_a_pattern_on_a_volume_is_relative() -> None:
    param = {"type": "pvc_mount", "claim_name": "dem", "path": "/", "glob": "/etc/*"}
    assert "begins with '/'" in problems(input=inputs(param))[0]


@pytest.mark.parametrize("name", ["a" * 64, "-a", "a-", "A", "a_b", "a.b", "", "a\n"])
def test_a_claim_name_is_a_dns_label(name: str) -> None:
    param = {"type": "pvc_mount", "claim_name": name, "path": "/"}
    assert "is not a claim name" in problems(input=inputs(param))[0]


def test_volume_inputs_do_not_mix_with_others() -> None:
    volume = {"type": "pvc_mount", "claim_name": "dem", "path": "/"}
    (messages,) = problems(input=inputs(volume, {"type": "file", "path": "a.csv"}))
    assert messages == (
        "meta.yml: input.params: a list mixes pvc_mount with other types; "
        "use either pvc_mount inputs alone or none."
    )


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["name", "workflow", "input", "output", "type", "params", "value", "parallel", "x"]
            ),
            inner,
        )
    ),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from(["name", "workflow", "input", "output", "extra"]), json_values))
def test_any_content_of_a_file_is_accepted_or_explained(content: dict[str, Any]) -> None:
    try:
        RecipeMeta.model_validate(content)
    except ValidationError as error:
        messages = explain(error, file="meta.yml")
        assert messages
        assert all(sentence.startswith("meta.yml: ") for sentence in messages)
        assert not any("Input should" in sentence for sentence in messages)
