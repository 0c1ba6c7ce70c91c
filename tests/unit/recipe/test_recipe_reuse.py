"""Which commands of a recipe are functions of their inputs, and which of its files count."""

from __future__ import annotations

from pathlib import Path

import pytest

from ogdc_shared.recipe.bundle import pack_with_digest
from ogdc_shared.recipe.recipe import load_recipe
from ogdc_shared.recipe.reuse import Reusable, reusable

META = """name: Lakes
workflow: {{{workflow}}}
input:
  params:
    - {{type: url, value: 'https://example.org/a.tif'}}
"""


def looked_at(directory: Path, commands: str, workflow: str = "", **files: str) -> Reusable:
    directory.mkdir(exist_ok=True)
    (directory / "meta.yml").write_text(META.format(workflow=workflow))
    (directory / "recipe.sh").write_text(commands)
    for name, text in files.items():
        (directory / name.replace("__", ".")).write_text(text)
    return reusable(load_recipe(directory), pack_with_digest(directory).files)


@pytest.mark.parametrize(
    "line",
    [
        "cp $INPUT_DIR/* $OUTPUT_DIR",
        "gdalwarp -t_srs EPSG:3413 $INPUT_DIR/a.tif $OUTPUT_DIR/a.tif",
        "gdal_translate --update-date $INPUT_DIR/a.tif $OUTPUT_DIR/a.tif",
        "awk '{print $1}' $INPUT_DIR/a > $OUTPUT_DIR/b",
        "ogr2ogr -sql 'SELECT id FROM a' $OUTPUT_DIR/b.gpkg $INPUT_DIR/a.gpkg",
        "env LC_ALL=C sort $INPUT_DIR/a > $OUTPUT_DIR/b",
        "printf '%s' a > $OUTPUT_DIR/b",
    ],
)
def test_deterministic_lines_are_reusable(tmp_path: Path, line: str) -> None:
    assert looked_at(tmp_path, f"{line}\n").commands == 1


@pytest.mark.parametrize(
    "line",
    [
        "date > $OUTPUT_DIR/when",
        "echo $(date +%F) > $OUTPUT_DIR/when",
        "/usr/bin/date > $OUTPUT_DIR/when",
        "echo $RANDOM > $OUTPUT_DIR/x",
        "head -c 4 /dev/urandom > $OUTPUT_DIR/x",
        "shuf $INPUT_DIR/a > $OUTPUT_DIR/a",
        "sort -R $INPUT_DIR/a > $OUTPUT_DIR/a",
        "ls -l $INPUT_DIR > $OUTPUT_DIR/list",
        "hostname > $OUTPUT_DIR/x",
        "find $INPUT_DIR -mtime 1 > $OUTPUT_DIR/x",
        "python3 -c 'import random; print(random.random())' > $OUTPUT_DIR/x",
        "python3 -c 'import datetime' > $OUTPUT_DIR/x",
        "Rscript -e 'cat(rnorm(3))' > $OUTPUT_DIR/x",
        "python3 -c 'import time; print(time.ctime())' > $OUTPUT_DIR/x",
        "python3 -c 'from time import time; print(time())' > $OUTPUT_DIR/x",
        "python3 -c 'import pandas; print(pandas.Timestamp.utcnow())' > $OUTPUT_DIR/x",
        "python3 -c 'import secrets; print(secrets.token_hex())' > $OUTPUT_DIR/x",
        "node -e 'console.log(new Date())' > $OUTPUT_DIR/x",
        "Rscript -e 'cat(Sys.Date())' > $OUTPUT_DIR/x",
        "perl -e 'print scalar localtime' > $OUTPUT_DIR/x",
        "printf '%(%F)T' > $OUTPUT_DIR/x",
        "ogrinfo -sql 'SELECT CURRENT_DATE FROM a' $INPUT_DIR/a.gpkg > $OUTPUT_DIR/x",
        "find $INPUT_DIR -printf '%T@' > $OUTPUT_DIR/x",
        "id -un > $OUTPUT_DIR/x",
        "nproc > $OUTPUT_DIR/x",
        "basename $(mktemp) > $OUTPUT_DIR/x",
        "env > $OUTPUT_DIR/x",
    ],
)
def test_reuse_ends_at_a_nondeterministic_line(tmp_path: Path, line: str) -> None:
    found = looked_at(tmp_path, f"cp $INPUT_DIR/* $OUTPUT_DIR\n{line}\ncp $INPUT_DIR/* $OUTPUT_DIR\n")
    assert found.commands == 1
    assert "line 2" in found.reason


def test_scripts_run_by_a_line_are_inspected(tmp_path: Path) -> None:
    scripts = {"chance__py": "import random\n", "plain__py": "print(1)\n"}
    lines = "python3 $RECIPE_DIR/plain.py\npython3 $RECIPE_DIR/chance.py\n"
    assert looked_at(tmp_path, lines, **scripts).commands == 1


def test_modules_imported_by_a_script_are_inspected(tmp_path: Path) -> None:
    scripts = {"main__py": "import helper\n", "helper__py": "import deep\n", "deep__py": "import random\n"}
    lines = "true\npython3 $RECIPE_DIR/main.py\n"
    found = looked_at(tmp_path, lines, **scripts)
    assert (found.commands, "'random'" in found.reason) == (1, True)
    assert looked_at(tmp_path, lines, **(scripts | {"deep__py": "x = 1\n"})).commands == 2


@pytest.mark.parametrize(
    ("workflow", "commands"),
    [
        ("reuse: false", 0),
        ("secrets: [earth]", 0),
        ("network: true", 0),
        ("secrets: [earth], reuse: true", 2),
        ("network: true, reuse: true", 2),
        ("parallel: {enabled: true, allowed_failures: 1}", 2),
    ],
)
def test_the_reuse_setting_of_the_recipe_takes_precedence(
    tmp_path: Path, workflow: str, commands: int
) -> None:
    assert looked_at(tmp_path, "true\ntrue\n", workflow).commands == commands


class TestFiles:
    def test_files_that_a_command_may_read_are_part_of_the_key(self, tmp_path: Path) -> None:
        lines = "gdalwarp -cutline $RECIPE_DIR/cut.geojson $INPUT_DIR/* $OUTPUT_DIR/x.tif\n"
        before = looked_at(tmp_path, lines, cut__geojson="1")
        assert looked_at(tmp_path, lines, cut__geojson="2").files != before.files

    def test_recipe_sh_and_meta_yml_are_not_part_of_the_key(self, tmp_path: Path) -> None:
        before = looked_at(tmp_path, "true\n", cut__geojson="1")
        assert looked_at(tmp_path, "false\n", "timeout: 90", cut__geojson="1").files == before.files

    @pytest.mark.parametrize(
        "line",
        [
            "cp $RECIPE_DIR/meta.yml $OUTPUT_DIR",
            "cp -r $RECIPE_DIR $OUTPUT_DIR",
            'cp "${RECIPE_DIR}"/* $OUTPUT_DIR',
            "cp /ogdc/recipe/* $OUTPUT_DIR",
            "cd $RECIPE_DIR; cp *.yml $OUTPUT_DIR",
        ],
    )
    def test_all_files_are_part_of_the_key_if_a_line_may_read_any(self, tmp_path: Path, line: str) -> None:
        before = looked_at(tmp_path, f"{line}\n")
        assert looked_at(tmp_path, f"{line}\n", "timeout: 90").files != before.files
