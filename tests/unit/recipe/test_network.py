"""What a recipe's lines say of the network its commands use."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogdc_shared.plan import Command
from ogdc_shared.recipe.network import MAX_ADDRESSES, named_addresses, network_signs, unreached
from ogdc_shared.recipe.recipe import load_recipe
from ogdc_shared.workflow.facts import is_address
from support.recipes import make_recipe


def named(*lines: str) -> tuple[str, ...]:
    return named_addresses([Command(line, number) for number, line in enumerate(lines, 1)])


@pytest.mark.parametrize(
    ("line", "addresses"),
    [
        ("curl http://127.0.0.1:8000/ready", ["127.0.0.1:8000"]),
        ("python3 -c \"urlopen('http://127.0.0.1:8000/ready')\"", ["127.0.0.1:8000"]),
        ("gdalinfo /vsicurl/http://10.1.2.3:8000/a.tif", ["10.1.2.3:8000"]),
        ("curl http://localhost:8000 127.0.0.2:81", ["127.0.0.1:8000", "[::1]:8000", "127.0.0.2:81"]),
        ("exec 3<>/dev/tcp/127.0.0.1/38031 && cat <&3", ["127.0.0.1:38031"]),
        ("curl http://192.168.1.2/a https://[fd00::1]/b", ["192.168.1.2:80", "[fd00::1]:443"]),
        ("psql postgresql://u:p@127.0.0.1:5432/db", ["127.0.0.1:5432"]),
    ],
)
def test_addresses_in_lines_are_found(line: str, addresses: list[str]) -> None:
    assert named(line) == tuple(addresses)


@pytest.mark.parametrize(
    "line",
    [
        "curl http://127.0.0.1:8000@example.org/",
        "curl http://127.0.0.1.example.org:8000/",
        "curl http://127.0.0.1:$PORT/ http://$HOST:8000/",
        "curl http://169.254.169.254/ http://[fe80::1]/",
        "curl http://0.0.0.0:8000/ http://[::]:8000/ http://[::ffff:127.0.0.1]:8000/",
        "curl http://8.8.8.8:8000/ http://example.org:8000/ http://224.0.0.1/ http://255.255.255.255/",
        "curl http://127.0.0.1:0/ http://127.0.0.1:65536/ http://127.0.0.1:8000x/ http://999.0.0.1:80/",
        "curl http://2130706433:8000/ http://0x7f000001:8000/ http://127.1:8000/",
    ],
)
def test_texts_that_resemble_addresses_are_ignored(line: str) -> None:
    assert named(line) == ()


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("curl -O ftp://example.org/a.tif", "ftp://"),
        ("ssh me@example.org cat a.tif > /output_dir/a.tif", "ssh"),
        ("cd /tmp && scp me@example.org:a.tif .", "scp"),
        ("rsync -a me@example.org:/data/ /output_dir/", "rsync"),
        ("lftp-get sftp://example.org/data", "sftp://"),
        ("git clone git@github.com:a/b.git", "git@github.com:"),
    ],
)
def test_lines_that_want_what_is_out_of_reach_are_told_of(line: str, word: str) -> None:
    assert [sign for _, sign in unreached([Command(line, 1)])] == [word]


@pytest.mark.parametrize(
    "line",
    [
        "rsync -a /input_dir/ /output_dir/",
        "curl https://example.org/ssh/a.tif",
        "lftp 127.0.0.1:2121 -e 'get a.tif'",
        "curl ftp://127.0.0.1:2121/a.tif",
        "cp /input_dir/ssh.txt /output_dir/ftp.txt",
        "echo user@host:path",
    ],
)
def test_reachable_addresses_are_not_reported(line: str) -> None:
    assert list(unreached([Command(line, 1)])) == []


@given(st.lists(st.text("0123456789.:[]/@ abflocahstp$", max_size=60), max_size=30))
def test_found_addresses_are_always_valid(lines: list[str]) -> None:
    found = named(*lines, *(f"http://{line}" for line in lines))
    assert len(found) <= MAX_ADDRESSES
    assert all(map(is_address, found))


@pytest.mark.parametrize(
    "line",
    [
        "cp a b; /usr/bin/curl -O x",
        "$(wget -qO- $URL)",
        "ogr2ogr a 'WFS:https://example.org/wfs'",
        "aws s3 cp s3://bucket/x .",
        "cat 127.0.0.1:80",
        "scp a:b c",
        "pip install rasterio",
    ],
)
def test_lines_that_use_a_network_are_known(line: str) -> None:
    assert any(network_signs([Command(line, 1)]))


@pytest.mark.parametrize(
    "line",
    [
        "cp /input_dir/curl.txt /output_dir",
        "ls ssh.md",
        "gdalinfo /vsizip/a.zip",
        "cat file:///tmp/x",
        "echo '<kml xmlns=\"http://www.opengis.net/kml/2.2\">' > k.kml",
        "sh /input_dir/s.sh",
    ],
)
def test_lines_that_use_none_are_known(line: str) -> None:
    assert not any(network_signs([Command(line, 1)]))


@pytest.mark.parametrize(
    ("wanted", "line", "networked"),
    [(None, "curl -f x", True), (None, "true", False), (True, "cp a b", True), (False, "curl -f x", False)],
)
def test_meta_yml_takes_precedence_over_the_lines(
    tmp_path: Path, wanted: bool | None, line: str, networked: bool
) -> None:
    workflow = {"type": "shell"} | ({} if wanted is None else {"network": wanted})
    line = f"{line} http://127.0.0.1:80/" if line.startswith("curl") else "cp /input_dir/* /output_dir/"
    recipe = load_recipe(make_recipe(tmp_path, files={"recipe.sh": f"{line}\n"}, workflow=workflow))
    assert recipe.networked is networked
    assert bool(recipe.addresses) is (networked and "http" in line)
    assert any("127.0.0.1:80" in note for note in recipe.advice) is bool(recipe.addresses)


def test_an_address_of_the_machine_is_told_of_whatever_meta_yml_says(tmp_path: Path) -> None:
    files = {"recipe.sh": "curl -f http://127.0.0.1:9222/json\n"}
    workflow = {"type": "shell", "network": True}
    (wanted,) = load_recipe(make_recipe(tmp_path, files=files, workflow=workflow)).advice
    assert "127.0.0.1:9222" in wanted
