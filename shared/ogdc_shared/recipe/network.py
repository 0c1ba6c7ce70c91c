"""Detecting from a recipe's command lines whether they use a network, and which addresses they name.

Only the lines themselves are examined, not scripts, inputs or variables.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address

from ogdc_shared.plan import Command

MAX_ADDRESSES = 16
"""Maximum number of addresses; further ones are ignored."""
_SIGN = re.compile(
    r"(?=/|\b[a-z])(?:"  # where a match may begin, which saves trying all alternatives elsewhere
    r"(?:^|(?<=[\s;&|(`'\"]))(?:/[\w./-]*/)?"
    r"(?:curl|wget|aria2c|lftp|sftp|scp|ssh|rsync|rclone|gsutil|s3cmd|azcopy|aws s3(?:api)?|gcloud storage"
    r"|git (?:clone|fetch|pull|ls-remote)|pip3? (?:install|download)|(?:conda|mamba) (?:install|create))"
    r"(?=\s)"
    r"|/vsi(?:curl|s3|gs|az|adls|oss|swift|webhdfs)(?=[/_?])"
    r"|(?<![\w+.-])(?!file:)[a-z][a-z0-9+.-]{0,30}://(?!www\.opengis\.net/|www\.w3\.org/)[\w\[$])",
    re.IGNORECASE,
)
"""Matches lines that use a network. Names of coordinate systems and XML namespaces are not URLs to fetch."""
_UNREACHED = re.compile(
    r"(?:^|(?<=[\s;&|(`'\"]))(?:/[\w./-]*/)?(?:lftp|sftp|scp|ssh|ftp)(?=\s)"
    r"|(?<![\w+.-])(?:ftps?|sftp|ssh|git\+ssh|rsync)://"
    r"|(?<![\w.-])git@[\w.-]+:"
    r"|(?:^|(?<=[\s;&|(`]))rsync(?=\s[^;&|]*\s['\"]?(?:[\w.-]+@)?[\w.-]+::?[\w/~.])",
    re.IGNORECASE,
)
"""Matches lines that use FTP or SSH."""
_ADDRESS = re.compile(
    r"(?:(?<![\w+.-])(?P<scheme>[a-z][a-z0-9+.-]{0,30})://(?:[^\s/@'\"]*@)?|(?<![\w.:/@\[-]))"
    r"(?P<host>localhost|[0-9]{1,3}(?:\.[0-9]{1,3}){3}|\[[0-9a-f:]{2,39}\])"
    r"(?::(?P<port>[0-9]{1,5})|(?!:))(?![\w@-]|\.\w)",
    re.IGNORECASE | re.ASCII,
)
_DEVICE = re.compile(r"/dev/tcp/([\w.]+)/([0-9]{1,5})(?!\w)")
"""Paths that bash opens as connections."""
_PORTS = {"http": 80, "https": 443}
_LOCALHOST = ("127.0.0.1", "::1")


def network_signs(commands: Iterable[Command]) -> Iterator[tuple[Command, str]]:
    """Yield the commands that use a network, each with the text that shows it."""
    for command in commands:
        match = _SIGN.search(command.text) or next(_named(command.text), None)
        if match:
            url = re.match(r"[^\s'\"|;<>]+", command.text[match.start() :])
            yield command, url[0] if url and "://" in match[0] else match[0]


def unreached(commands: Iterable[Command]) -> Iterator[tuple[Command, str]]:
    """Yield the commands that use FTP or SSH, each with the text that shows it.

    On one machine, commands reach public hosts only by HTTP and HTTPS. Addresses that a line names by number
    can be reached by any protocol.
    """
    for command in commands:
        match = _UNREACHED.search(command.text)
        if match and next(_named(command.text), None) is None:
            yield command, match[0]


def named_addresses(commands: Iterable[Command]) -> tuple[str, ...]:
    """Find the services on this machine or a private network that command lines name by number.

    Returns:
        Numeric `host:port` (`[host]:port` for IPv6), without duplicates, at most `MAX_ADDRESSES`. `localhost`
        gives both loopback addresses. Public addresses are not included, since they are permitted anyway.
        Link-local addresses are excluded, because clouds' metadata services use them.
    """
    found: dict[str, None] = {}
    for command in commands:
        for match in _named(command.text):
            found |= dict.fromkeys(_addresses(match))
    return tuple(found)[:MAX_ADDRESSES]


def written(address: IPv4Address | IPv6Address, port: int) -> str:
    """Format an address as `named_addresses` does."""
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
