"""Polygons with their attributes."""

from __future__ import annotations

import uuid

import numpy as np

from ogdc_visualization.staging.features import Features

NAMESPACE = uuid.UUID("5f0d6c0e-2f1c-5d0e-9d53-8a1a3f6a7f11")


def test_identifiers_are_uuids_of_file_and_row() -> None:
    rows = np.array([0, 7])
    features = Features(np.empty(2, object), {}, np.zeros((2, 2)), np.zeros(2), rows, "sea/lakes é.gpkg")
    expected = [str(uuid.uuid5(NAMESPACE, f"sea/lakes é.gpkg#{row}")) for row in rows]
    assert features.identifiers.tolist() == expected
