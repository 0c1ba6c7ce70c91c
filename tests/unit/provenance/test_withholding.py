"""What gives access to somebody's data is left out of a recipe's copy, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest

from ogdc_shared.provenance.withholding import withheld

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    "text",
    [
        'value: "https://me:s3cr\\\n    et@example.org/a"\n',
        'value: "https://me:s3cret\\x40example.org/a"\n',
        '{"value": "https:\\/\\/me:s3cret\\u0040example.org\\/a"}\n',
        "curl -u me:s3cret https://example.org/a -o /output_dir/a\n",
        "curl --user 'me:s3cret' https://example.org/a\n",
        "wget --password=s3cret https://example.org/a\n",
        "wget --user=me --password s3cret https://example.org/a\n",
        "AWS_SECRET_ACCESS_KEY=s3cret aws s3 cp s3://b/a /output_dir/\n",
        'export EARTHDATA_TOKEN="s3cret" && fetch\n',
        "gdal_translate --config AWS_SECRET_ACCESS_KEY s3cret /vsis3/b/a /output_dir/a\n",
        "gdalinfo --config GDAL_HTTP_USERPWD me:s3cret /vsicurl/https://example.org/a\n",
    ],
)
def test_files_and_values_with_secrets_are_withheld(text: str) -> None:
    shown = withheld(text)
    assert "s3cr" not in shown
    assert "***" in shown
    assert withheld(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        'curl -H "X: $TOKEN" --user "$USER:$PASSWORD" --password "$PASSWORD" https://example.org/a\n',
        "export API_KEY=$(cat /secrets/key) && sort -u a > b\n",
        "secrets: [earthdata]\nparameters: [{name: TOKENS, default: 4}]\n",
        "tr -d '\\\\' < a | sed 's/\\// /' \\\n    > b\n",
        "gdalwarp -t_srs EPSG:3413 --config GDAL_CACHEMAX 512 /input_dir/a /output_dir/a\n",
        "ogr2ogr -where \"keyword='a'\" /output_dir/a /input_dir/a\n",
    ],
)
def test_files_and_values_without_secrets_are_unchanged(text: str) -> None:
    assert withheld(text) == text


def test_recipes_of_the_examples_stay_as_they_are() -> None:
    files = [path for path in (ROOT / "docs/examples").rglob("*") if path.suffix in {".yml", ".sh", ".json"}]
    assert files
    for path in files:
        assert withheld(path.read_text()) == path.read_text()
