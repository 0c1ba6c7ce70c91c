"""No request reaches a private network: by name, number, redirect, or a changing name."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from ogdc_shared.connections import pool_manager
from ogdc_shared.errors import ForbiddenError
from ogdc_shared.reach import Reach, checked_addresses
from ogdc_shared.recipe_sources.schemes import open_source
from ogdc_shared.recipe_sources.staging import stage_recipe
from support.http import Answer, FileServer

PRIVATE = [
    *("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10"),
    *("0.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4", "192.0.2.0/24", "198.18.0.0/15"),
    *("::1/128", "::/128", "fc00::/7", "fe80::/10", "ff00::/8"),
]
_PLACES = st.sampled_from([ip_network(network) for network in PRIVATE])


@st.composite
def private_addresses(draw: st.DrawFn) -> IPv4Address | IPv6Address:
    network = draw(_PLACES)
    return network[draw(st.integers(0, network.num_addresses - 1))]


@given(private_addresses())
def test_no_address_that_is_not_public_is_reached_in_whatever_form(
    address: IPv4Address | IPv6Address,
) -> None:
    forms = [str(address)]
    if isinstance(address, IPv4Address):
        number = int(address)
        forms += [
            hex(number),
            str(number),
            f"::ffff:{address}",
            str(IPv6Address((0x2002 << 112) | (number << 80))),
        ]
        forms += [str(IPv6Address((0x64FF9B << 96) | number))]
    for form in forms:
        with pytest.raises((ForbiddenError, OSError)):
            checked_addresses(form, 80, Reach())


@pytest.mark.parametrize(
    "address",
    [
        *("168.63.129.16", "169.254.169.254", "100.100.100.200", "192.0.0.192", "169.254.170.2"),
        *(
            "fd00:ec2::254",
            "fd20:ce::254",
            "fe80::a9fe:a9fe",
            "::ffff:168.63.129.16",
            "64:ff9b::168.63.129.16",
        ),
    ],
)
def test_metadata_addresses_of_clouds_are_never_reachable(address: str) -> None:
    for reach in (Reach(), Reach(anywhere=True)):
        with pytest.raises(ForbiddenError, match="a cloud's metadata"):
            checked_addresses(address, 80, reach)
    network = ip_network(address)
    assert Reach(networks=(network, ip_network("168.63.129.16/32"))).allows(ip_address(address))


def test_a_task_fetches_from_this_machine_and_not_from_its_clouds_metadata() -> None:
    with pytest.raises(ForbiddenError, match="a cloud's metadata"):
        pool_manager().request("GET", "http://169.254.169.254/latest/meta-data/", retries=False)


def test_each_address_of_a_name_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_text("found")
    with FileServer(tmp_path) as server, socket.socket() as nobodys:
        port = int(server.url.rpartition(":")[2])
        nobodys.bind(("127.0.0.9", port))  # nobody listens, and nobody else gets it meanwhile
        found = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port)) for host in ("127.0.0.9", "127.0.0.1")
        ]
        real = socket.getaddrinfo
        monkeypatch.setattr(
            socket, "getaddrinfo", lambda host, *a, **k: found if host == "many" else real(host, *a, **k)
        )
        assert pool_manager().request("GET", f"http://many:{port}/a", retries=False).data == b"found"


@pytest.mark.parametrize("address", ["8.8.8.8", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"])
def test_public_addresses_are_reached(address: str) -> None:
    assert Reach().allows(ip_address(address))


def test_the_operator_can_allow_networks_and_hosts() -> None:
    assert checked_addresses("127.0.0.1", 80, Reach(networks=(ip_network("127.0.0.0/8"),))) == ["127.0.0.1"]
    assert checked_addresses("localhost", 80, Reach(hosts=frozenset({"localhost"})))
    with pytest.raises(ForbiddenError, match="OGDC_ALLOWED_NETWORKS"):
        checked_addresses("127.0.0.1", 80, Reach(networks=(ip_network("10.0.0.0/8"),)))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    with FileServer(tmp_path) as server:
        server.routes["/x.zip"] = lambda _: Answer(body=b"secret")
        yield server


def _resolving(monkeypatch: pytest.MonkeyPatch, answers: dict[str, list[str]]) -> list[str]:
    """Have names resolve to these, one answer after the other; returns what was asked for."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def resolve(host: str, port: Any, *args: Any, **options: Any) -> Any:
        if host not in answers:
            return real(host, port, *args, **options)
        asked.append(host)
        return real(
            answers[host].pop(0) if len(answers[host]) > 1 else answers[host][0], port, *args, **options
        )

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return asked


def test_a_redirect_to_a_private_address_is_not_followed(server: FileServer) -> None:
    port = server.url.rpartition(":")[2]
    with FileServer(server.directory) as outside:
        outside.routes["/r.zip"] = lambda _: Answer(
            302, headers={"Location": f"http://127.0.0.2:{port}/x.zip"}
        )
        reach = Reach(networks=(ip_network("127.0.0.1/32"),))
        source = open_source(f"{outside.url}/r.zip", reach)
        with pytest.raises(ForbiddenError, match=r"127\.0\.0\.2"):
            list(source.read(source.root))
    assert server.requests == []


def test_a_name_that_changes_leads_to_what_was_checked(
    server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first answer is allowed, every later one would lead inside."""
    asked = _resolving(monkeypatch, {"rebinding.example": ["127.0.0.1", "127.0.0.2"]})
    http = pool_manager(Reach(networks=(ip_network("127.0.0.1/32"),)), retries=False)
    port = server.url.rpartition(":")[2]
    with http:
        assert http.request("GET", f"http://rebinding.example:{port}/x.zip").data == b"secret"
        assert asked == ["rebinding.example"]
        http.clear()
        with pytest.raises(ForbiddenError, match=r"127\.0\.0\.2"):
            http.request("GET", f"http://rebinding.example:{port}/x.zip")
    assert server.requests[0].headers["Host"] == f"rebinding.example:{port}"


def test_one_bad_address_among_good_ones_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 80)) for ip in ("8.8.8.8", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_options: found)
    with pytest.raises(ForbiddenError, match=r"10\.0\.0\.1"):
        checked_addresses("mixed.example", 80, Reach())


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "0x7f000001", "2130706433", "127.1", "[::ffff:127.0.0.1]"]
)
@pytest.mark.parametrize("scheme", ["http", "ftp"])
def test_no_recipe_is_read_from_inside(server: FileServer, tmp_path: Path, host: str, scheme: str) -> None:
    port = server.url.rpartition(":")[2]
    with pytest.raises(ForbiddenError, match="no public address"):
        stage_recipe(f"{scheme}://{host}:{port}/x.zip", tmp_path / "into", allow_local=False)
    assert server.requests == []


def test_an_unknown_host_name_is_not_a_rejection() -> None:
    with pool_manager(Reach(), retries=False) as http, pytest.raises(urllib3.exceptions.NameResolutionError):
        http.request("GET", "http://nowhere.invalid/")


@pytest.mark.parametrize(
    "address",
    ["fec0::1", "::127.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b:1::7f00:1", "192.0.0.8", "5f00::1"],
)
def test_addresses_of_a_site_and_other_ways_to_ipv4_are_not_public(address: str) -> None:
    assert not Reach().allows(ip_address(address))
