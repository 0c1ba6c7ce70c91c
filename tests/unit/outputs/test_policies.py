"""What types of output mean stands in one place; queries and the schema of meta.yml say the same."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import get_args

import pytest

from ogdc_shared.db.queries import load_queries
from ogdc_shared.outputs.output_type import OutputType
from ogdc_shared.outputs.policies import EXCLUSIVE, EXPIRING, policy_of
from ogdc_shared.recipe.models import DataOneOutput, PvcOutput, TemporaryOutput


def test_every_output_type_has_a_policy_and_other_texts_have_none() -> None:
    assert all(policy_of(kind.value) for kind in OutputType)
    with pytest.raises(ValueError, match="'zip' is not a valid OutputType"):
        policy_of("zip")


def test_meta_yml_accepts_all_output_types() -> None:
    models = (PvcOutput, TemporaryOutput, DataOneOutput)
    known = {get_args(model.model_fields["type"].annotation)[0] for model in models}
    assert known == set(OutputType)


def test_a_result_is_a_directory_of_its_own_or_a_zip_that_expires() -> None:
    assert EXCLUSIVE == (OutputType.PVC, OutputType.DATAONE)
    assert [kind for kind in OutputType if policy_of(kind).to_node] == [OutputType.DATAONE]
    assert (policy_of("pvc").days_kept(7), policy_of("temporary").days_kept(7)) == (1, 7)


def test_the_query_and_the_index_of_expired_outputs_name_what_expires() -> None:
    query = load_queries("runs")["expired_outputs"].decode()
    index = files("ogdc_shared.db").joinpath("sql/migrations/0002_removed_outputs.sql").read_text()
    for text in (query, index):
        assert re.findall(r"output_type = '(\w+)'", text) == list(EXPIRING)
