"""Detecting from a recipe's command lines whether they use a network, and which addresses they name.

Only the lines themselves are examined, not scripts, inputs or variables.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address

from ogdc_shared.plan import Command

MAX_ADDRESSES = 16
"""More that a recipe names are left out."""
_SIGN = re.compile(
    r"(?:^|(?<=[\s;&|(`'\"]))(?:/[\w./-]*/)?"
    r"(?:curl|wget|aria2c|lftp|sftp|scp|ssh|rsync|rclone|gsutil|s3cmd|azcopy|aws s3(?:api)?|gcloud storage"
    r"|git (?:clone|fetch|pull|ls-remote)|pip3? (?:install|download)|(?:conda|mamba) (?:install|create))"
    r"(?=\s)"
    r"|/vsi(?:curl|s3|gs|az|adls|oss|swift|webhdfs)(?=[/_?])"
    r"|(?<![\w+.-])(?!file:)[a-z][a-z0-9+.-]{0,30}://(?!www\.opengis\.net/|www\.w3\.org/)[\w\[$]",
    re.IGNORECASE,
)
"""Of a line that uses a network. Names of coordinate systems and of XML look like URLs and are none."""
_UNREACHED = re.compile(
    r"(?:^|(?<=[\s;&|(`'\"]))(?:/[\w./-]*/)?(?:lftp|sftp|scp|ssh|ftp)(?=\s)"
    r"|(?<![\w+.-])(?:ftps?|sftp|ssh|git\+ssh|rsync)://"
    r"|(?<![\w.-])git@[\w.-]+:"
    r"|(?:^|(?<=[\s;&|(`]))rsync(?=\s[^;&|]*\s['\"]?(?:[\w.-]+@)?[\w.-]+::?[\w/~.])",
    re.IGNORECASE,
)
"""Of a line that wants FTP or SSH."""
_ADDRESS = re.compile(
    r"(?:(?<![\w+.-])(?P<scheme>[a-z][a-z0-9+.-]{0,30})://(?:[^\s/@'\"]*@)?|(?<![\w.:/@\[-]))"
    r"(?P<host>localhost|[0-9]{1,3}(?:\.[0-9]{1,3}){3}|\[[0-9a-f:]{2,39}\])"
    r"(?::(?P<port>[0-9]{1,5})|(?!:))(?![\w@-]|\.\w)",
    re.IGNORECASE | re.ASCII,
)
_DEVICE = re.compile(r"/dev/tcp/([\w.]+)/([0-9]{1,5})(?!\w)")
"""What bash opens as a connection."""
_PORTS = {"http": 80, "https": 443}
_LOCALHOST = ("127.0.0.1", "::1")


def network_signs(commands: Iterable[Command]) -> Iterator[tuple[Command, str]]:
    """Yield the commands that use a network, each with what shows it."""
    for command in commands:
        match = _SIGN.search(command.text) or next(_named(command.text), None)
        if match:
            url = re.match(r"[^\s'\"|;<>]+", command.text[match.start() :])
            yield command, url[0] if url and "://" in match[0] else match[0]


def unreached(commands: Iterable[Command]) -> Iterator[tuple[Command, str]]:
    """Yield the commands that want FTP or SSH of a host, each with what shows it.

    By HTTP and HTTPS alone commands get to public hosts on one machine; what a line names by its numbers may
    be asked by any protocol.
    """
    for command in commands:
        match = _UNREACHED.search(command.text)
        if match and next(_named(command.text), None) is None:
            yield command, match[0]


def named_addresses(commands: Iterable[Command]) -> tuple[str, ...]:
    """Find which services of the machine, or of a private network, the lines name by their numbers.

    Returns:
        `host:port` of each, numbers alone (`[host]:port` for IPv6), each once, at most `MAX_ADDRESSES`.
        `localhost` is both addresses of the loopback. What is public needs no naming; link-local addresses,
        where clouds answer with credentials, cannot be named.
    """
    found: dict[str, None] = {}
    for command in commands:
        for match in _named(command.text):
            found |= dict.fromkeys(_addresses(match))
    return tuple(found)[:MAX_ADDRESSES]


def written(address: IPv4Address | IPv6Address, port: int) -> str:
    """Write an address as `named_addresses` does."""
    return f"[{address}]:{port}" if isinstance(address, IPv6Address) else f"{address}:{port}"


def _named(text: str) -> Iterator[re.Match[str]]:
    text = _DEVICE.sub(r" \1:\2 ", text)
    return (match for match in _ADDRESS.finditer(text) if any(_addresses(match)))


def _addresses(match: re.Match[str]) -> Iterator[str]:
    port = int(match["port"] or _PORTS.get((match["scheme"] or "").lower(), 0))
    host = match["host"].strip("[]").lower()
    for number in _LOCALHOST if host == "localhost" else (host,):
        try:
            address = ip_address(number)
        except ValueError:
            continue
        if 0 < port < 65536 and _may_be_named(address):
            yield written(address, port)


def _may_be_named(address: IPv4Address | IPv6Address) -> bool:
    odd = address.is_link_local or address.is_unspecified or address.is_multicast
    mapped = isinstance(address, IPv6Address) and address.ipv4_mapped is not None
    return address.is_private and not (odd or mapped or (address.is_reserved and not address.is_loopback))
