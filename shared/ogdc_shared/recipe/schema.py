"""The JSON Schema of `meta.yml`, for editors and other programs; published as `docs/meta.schema.json`.

It is weaker than `load_recipe`: a document it rejects is invalid, but one it accepts may, for example,
refer to a missing file.
"""

from __future__ import annotations

import json
from typing import Any

from ogdc_shared.recipe.models import RecipeMeta

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """Return the schema of a `meta.yml`."""
    return {"$schema": DIALECT, **RecipeMeta.model_json_schema()}


def render() -> str:
    """Return the schema in the committed format.

    `python -m ogdc_shared.recipe.schema > docs/meta.schema.json` updates it.
    """
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(render(), end="")
