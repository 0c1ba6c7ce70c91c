from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ogdc_shared.errors import ConfigurationError, InputNotFoundError, InvalidRecipeError
from ogdc_shared.inputs.resolve import check_reachable, resolve_inputs, volume_inputs
from ogdc_shared.plan import InputFile, VolumeInput
from ogdc_shared.recipe.recipe import Recipe, load_recipe
from ogdc_shared.servers.credentials import Credentials
from support.dataone import DataFile, MemberNode
from support.http import Answer, FileServer, closed_port
from support.recipes import inputs, make_recipe


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "a.csv").write_text("1,2\n")
    with FileServer(tmp_path / "served") as server:
        yield server


def recipe_with(directory: Path, *params: dict[str, str], **files: str) -> Recipe:
    named = {name.replace("__", "/").replace("_", "."): content for name, content in files.items()}
    return load_recipe(make_recipe(directory / "recipe", input=inputs(*params), files=dict(named)))


def test_every_kind_of_input_is_resolved_in_its_order(tmp_path: Path, server: FileServer) -> None:
    node = MemberNode(server, {"resource_map_a": [DataFile("urn:1", "b.nc", b"123")]})
    recipe = recipe_with(
        tmp_path,
        {"type": "file", "path": "data/points.csv"},
        {"type": "dataone", "dataset_identifier": "resource_map_a", "filename": "*.NC"},
        {"type": "url_list", "file": "urls.txt"},
        {"type": "url", "value": "https://example.org/c;$(id)"},
        data__points_csv="x,y\n",
        urls_txt="# two\nhttps://example.org/1\n\nhttps://example.org/2\n",
    )
    files = list(resolve_inputs(recipe, dataone_node_url=node.url))
    assert files[0] == InputFile(source="data/points.csv", kind="recipe", name="points.csv", size=4)
    assert (files[1].source, files[1].name, files[1].size) == (f"{node.url}/v2/object/urn%3A1", "b.nc", 3)
    assert files[2:] == [
        InputFile(source="https://example.org/1"),
        InputFile(source="https://example.org/2"),
        InputFile(source="https://example.org/c;$(id)"),
    ]


def test_a_private_package_is_looked_up_with_the_token_for_the_node(
    tmp_path: Path, server: FileServer
) -> None:
    node = MemberNode(server, {"resource_map_a": [DataFile("urn:1", "b.nc", b"123")]})
    recipe = recipe_with(tmp_path, {"type": "dataone", "dataset_identifier": "resource_map_a"})
    known = Credentials(tokens={"127.0.0.1": "t0ken"})
    (file,) = resolve_inputs(recipe, dataone_node_url=node.url, credentials=lambda: known)
    assert file.name == "b.nc"
    assert {request.headers["Authorization"] for request in server.requests} == {"Bearer t0ken"}


def test_a_token_for_another_host_is_not_sent_to_the_node(tmp_path: Path, server: FileServer) -> None:
    node = MemberNode(server, {"resource_map_a": [DataFile("urn:1", "b.nc", b"123")]})
    recipe = recipe_with(tmp_path, {"type": "dataone", "dataset_identifier": "resource_map_a"})
    known = Credentials(tokens={"example.org": "t0ken"})
    list(resolve_inputs(recipe, dataone_node_url=node.url, credentials=lambda: known))
    assert {request.headers["Authorization"] for request in server.requests} == {None}


def test_an_expired_token_is_reported(tmp_path: Path, server: FileServer) -> None:
    server.routes["/d1/v2/query/solr/"] = lambda _: Answer(status=401)
    recipe = recipe_with(tmp_path, {"type": "dataone", "dataset_identifier": "resource_map_a"})
    with pytest.raises(InputNotFoundError, match=r"status 401: it requires a login, or the token"):
        list(resolve_inputs(recipe, dataone_node_url=f"{server.url}/d1"))


def test_urls_are_not_requested_by_default(tmp_path: Path, server: FileServer) -> None:
    recipe = recipe_with(tmp_path, {"type": "url", "value": f"{server.url}/none"})
    assert list(resolve_inputs(recipe, dataone_node_url=None)) == [InputFile(source=f"{server.url}/none")]
    assert server.requests == []


def test_a_long_list_is_resolved_as_it_is_read(tmp_path: Path) -> None:
    recipe = recipe_with(
        tmp_path, {"type": "url_list", "file": "urls.txt"}, urls_txt="https://example.org/1\n" * 10_000
    )
    files = resolve_inputs(recipe, dataone_node_url=None)
    assert next(files).source == "https://example.org/1"
    (recipe.directory / "urls.txt").write_text("")  # what is in memory is at most a buffer
    assert sum(1 for _ in files) < 9_999


def test_a_side_file_replaced_by_a_link_outside_is_not_read(tmp_path: Path) -> None:
    recipe = recipe_with(tmp_path, {"type": "file", "path": "a.csv"}, a_csv="1")
    (tmp_path / "secret").write_text("secret")
    (recipe.directory / "a.csv").unlink()
    (recipe.directory / "a.csv").symlink_to(tmp_path / "secret")
    with pytest.raises(InvalidRecipeError, match="is a link to a place outside the recipe directory"):
        list(resolve_inputs(recipe, dataone_node_url=None))


def test_a_missing_node_setting_is_named(tmp_path: Path) -> None:
    recipe = recipe_with(tmp_path, {"type": "dataone", "dataset_identifier": "resource_map_a"})
    with pytest.raises(ConfigurationError, match=r"input\.params\[0\] .* DATAONE_NODE_URL is not set"):
        list(resolve_inputs(recipe, dataone_node_url=None))


def test_an_empty_match_names_the_key(tmp_path: Path, server: FileServer) -> None:
    node = MemberNode(server, {"a": [DataFile("urn:1", "b.nc")]})
    recipe = recipe_with(tmp_path, {"type": "dataone", "dataset_identifier": "a", "filename": "c.nc"})
    with pytest.raises(
        InputNotFoundError, match=r"meta\.yml: input\.params\[0\]: No file of .* There is: b\.nc\."
    ):
        list(resolve_inputs(recipe, dataone_node_url=node.url))


def test_a_temporary_failure_of_the_node_is_retried(tmp_path: Path, server: FileServer) -> None:
    node = MemberNode(server, {"a": [DataFile("urn:1", "b.nc")]})
    server.fail(2, status=503, headers={"Retry-After": "3600"})
    recipe = recipe_with(tmp_path, {"type": "dataone", "dataset_identifier": "a"})
    assert len(list(resolve_inputs(recipe, dataone_node_url=node.url))) == 1


def test_files_on_volumes_are_left_to_the_run(tmp_path: Path) -> None:
    recipe = recipe_with(
        tmp_path,
        {"type": "pvc_mount", "claim_name": "dem", "path": "/"},
        {"type": "pvc_mount", "claim_name": "dem", "path": "/tiles/v3/", "glob": "*/*.tif"},
    )
    assert list(resolve_inputs(recipe, dataone_node_url=None)) == []
    assert volume_inputs(recipe) == (VolumeInput("dem", "", "*"), VolumeInput("dem", "tiles/v3", "*/*.tif"))


def test_existing_files_are_reachable(server: FileServer) -> None:
    check_reachable(
        [InputFile(f"{server.url}/a.csv"), InputFile("a.csv", kind="recipe"), InputFile("ftp://nowhere/a")]
    )
    assert [request.method for request in server.requests] == ["HEAD"]


def test_a_server_without_head_is_checked_with_get(server: FileServer) -> None:
    server.routes["/get"] = lambda request: Answer(
        status=405 if request.method == "HEAD" else 200, body=b"x" * 100
    )
    check_reachable([InputFile(f"{server.url}/get")])
    assert [request.method for request in server.requests] == ["HEAD", "GET"]


def test_missing_files_are_reported_with_the_reason(server: FileServer) -> None:
    with closed_port() as away, pytest.raises(InputNotFoundError) as raised:
        check_reachable(
            [InputFile(f"{server.url}/{name}") for name in ("a.csv", "b.csv")] + [InputFile(f"{away}/c")]
        )
    missing, unreachable = str(raised.value).splitlines()
    assert missing.startswith(f"'{server.url}/b.csv' cannot be fetched: its server answered 404")
    assert unreachable.startswith(f"{away}/c: cannot be reached")


@pytest.mark.slow
def test_of_very_many_missing_files_the_first_are_reported(server: FileServer) -> None:
    with pytest.raises(InputNotFoundError) as raised:
        check_reachable(InputFile(f"{server.url}/{number}") for number in range(1000))
    assert len(str(raised.value).splitlines()) == 20
    assert len(server.requests) < 1000


@pytest.mark.slow
def test_resolving_imports_a_client_only_when_it_asks() -> None:
    code = "import sys, ogdc_shared.inputs.resolve; print('urllib3' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
