"""A program for GMN's environment that reads a package with dataone.libclient, an independent client.

    python gmn_reader.py NODE MAP DIRECTORY

It writes each object that the map aggregates to a file of the directory, and prints a line for each of these:
identifier, format, whether the map says that the metadata document it, checksum that the node computes anew.
"""

from __future__ import annotations

import sys
from pathlib import Path
from urllib.parse import quote

import d1_client.mnclient_2_0
import d1_common.resource_map

NODE, MAP, DIRECTORY = sys.argv[1:]


def main() -> None:
    """Read a package."""
    client = d1_client.mnclient_2_0.MemberNodeClient_2_0(NODE)
    package = d1_common.resource_map.ResourceMap()
    package.deserialize(client.get(MAP).content, format="xml")
    documented = set(package.getAggregatedScienceDataPids())
    for pid in sorted(package.getAggregatedPids()):
        content = client.get(pid).content
        Path(DIRECTORY, quote(pid, safe="")).write_bytes(content)
        described = client.getSystemMetadata(pid)
        checksum = client.getChecksum(pid, checksumAlgorithm="SHA-256").value()
        print(pid, described.formatId, pid in documented, checksum, sep="\t")


main()
