"""Partitions as a submission, or the task `list`, stored them."""

from __future__ import annotations

from pathlib import Path

from ogdc_shared.inputs.packs import MAX_PARTITIONS
from ogdc_shared.layout import pack_key
from ogdc_shared.plan import Partition, find_manifest, split_pack


def stored_partition(artifacts: Path, run: str, number: int = 0) -> Partition:
    """Read a partition of a run whose packs are full."""
    return packed(artifacts / pack_key(run, number // MAX_PARTITIONS), number)


def packed(pack: Path, number: int) -> Partition:
    """Read a partition from its pack."""
    manifest = find_manifest(split_pack(pack.read_bytes())[0], number)
    assert manifest is not None, f"{pack} has no partition {number}"
    return Partition.from_json(manifest)
