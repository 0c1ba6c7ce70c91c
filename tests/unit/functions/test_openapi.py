from __future__ import annotations

import re

from ogdc_functions.http.openapi import document


def test_every_reference_leads_somewhere():
    text = repr(document())
    names = set(re.findall(r"#/components/schemas/(\w+)", text))

    assert names
    assert names <= set(document()["components"]["schemas"])


def test_every_parameter_of_a_path_is_described():
    for path, methods in document()["paths"].items():
        for operation in methods.values():
            in_path = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
            assert in_path == set(re.findall(r"{(\w+)}", path))
