# ruff: noqa: PT012  a transaction is more than one statement

import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from ogdc_shared.db.database import Database
from ogdc_shared.db.runs import claim_refresh, find_run, get_run
from ogdc_shared.db.submissions import (
    EarlierRun,
    claim_retry,
    earlier_runs,
    find_submission,
    get_manifest,
    record_handover,
    record_refusal,
    unsent_runs,
    withdraw,
)
from ogdc_shared.db.users import ensure_user
from ogdc_shared.db.workflow_state import record_absence, record_state
from ogdc_shared.errors import (
    AlreadyPublishedError,
    AlreadyRunningError,
    InvalidRequestError,
    OgdcError,
    RecipeIdTakenError,
    RunStateError,
    UnknownRunError,
)
from ogdc_shared.plan import REUSE_LABEL
from support.records import state, submit

RECIPE: dict[str, Any] = {"recipe_id": "seal-tags", "recipe_name": "Seal Tags"}


@pytest.fixture
def conn(database):
    with database.transaction() as conn:
        yield conn


def end(conn: psycopg.Connection, name: str, phase: str, *, version: int = 10) -> None:
    assert record_state(conn, state(name, version, phase=phase)).after


def at_once(*actions: Callable[[], Any]) -> list[Any]:
    """Carry out each action in a thread of its own, and return what they returned or raised."""
    barrier = threading.Barrier(len(actions))
    outcomes: list[Any] = [None] * len(actions)

    def carry_out(number: int) -> None:
        barrier.wait()
        try:
            outcomes[number] = actions[number]()
        except (OgdcError, psycopg.Error) as exc:
            outcomes[number] = exc

    threads = [threading.Thread(target=carry_out, args=(number,)) for number in range(len(actions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return outcomes


def submission(database: Database, name: str, **fields: Any) -> Callable[[], str]:
    def act() -> str:
        with database.transaction() as conn:
            return submit(conn, name, **fields).name

    return act


# --- one at a time ---


def test_reusable_runs_have_the_same_user_recipe_and_label(conn) -> None:
    def run(name: str, *, user: str = "anna", recipe: str = "lakes", label: str = "a") -> None:
        manifest = {"metadata": {"name": name, "labels": {REUSE_LABEL: label}}}
        fields = {"recipe_id": recipe, "recipe_name": recipe, "output_type": "temporary"}
        submit(conn, name, user=user, manifest=manifest, **fields)

    run("lakes-1")
    end(conn, "lakes-1", "Succeeded")
    run("lakes-2")
    run("lakes-3", user="bert")
    run("lakes-4", label="b")
    run("seas-1", recipe="seas")
    anna = ensure_user(conn, "anna").id
    found = earlier_runs(conn, submitted_by=anna, recipe_id="lakes", label="a")
    assert set(found) == {EarlierRun("lakes-2", succeeded=False), EarlierRun("lakes-1", succeeded=True)}


def test_a_new_run_is_pending_and_remembers_who_submitted_what(conn):
    run = submit(conn, "a-1", user="anna", **RECIPE, snapshot="f" * 64, partitions=3)
    assert run == get_run(conn, "a-1")
    assert (run.status, run.submitted_by, run.recipe_name) == ("Pending", "anna", "Seal Tags")
    assert (run.snapshot, run.partitions, run.task_counts) == ("f" * 64, 3, {})
    assert run.handed_over_at is None


def test_a_new_run_is_returned_as_it_is_recorded(conn):
    fields = {
        "output_type": "temporary",
        "queued": True,
        "priority": -1,
        "input_bytes": 7,
        "partitions": None,
    }
    run = submit(conn, "a-1", **fields, parameters={"YEAR": 2021}, recipe_path=None)
    assert run == get_run(conn, "a-1")
    assert run.waits


def test_the_manifest_is_kept_as_given(conn):
    manifest = {"spec": {"arguments": {"parameters": [{"name": "ü", "value": "{{x}} '; DROP"}]}}}
    submit(conn, "a-1", manifest=manifest)
    assert get_manifest(conn, "a-1") == manifest
    with pytest.raises(UnknownRunError):
        get_manifest(conn, "b-1")


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_recipe_has_one_unfinished_run_at_a_time(conn, overwrite):
    submit(conn, "a-1", **RECIPE)
    with pytest.raises(AlreadyRunningError, match="'a-1' of recipe 'seal-tags'"):
        submit(conn, "a-2", **RECIPE, overwrite=overwrite)


@pytest.mark.parametrize("phase", ["Failed", "Error"])
def test_after_a_failure_the_recipe_may_run_again(conn, phase):
    submit(conn, "a-1", **RECIPE)
    end(conn, "a-1", phase)
    assert submit(conn, "a-2", **RECIPE).name == "a-2"


def test_published_data_are_replaced_only_when_that_is_asked_for(conn):
    submit(conn, "a-1", **RECIPE)
    end(conn, "a-1", "Succeeded")
    with pytest.raises(AlreadyPublishedError, match="by run 'a-1'"):
        submit(conn, "a-2", **RECIPE)
    assert submit(conn, "a-2", **RECIPE, overwrite=True).name == "a-2"


def test_published_data_stay_published_when_the_workflow_is_deleted_or_a_replacement_fails(conn):
    submit(conn, "a-1", **RECIPE)
    record_state(conn, state("a-1", 10, phase="Succeeded"), gone=True)
    submit(conn, "a-2", **RECIPE, overwrite=True)
    end(conn, "a-2", "Failed")
    with pytest.raises(AlreadyPublishedError, match="by run 'a-1'"):
        submit(conn, "a-3", **RECIPE)


def test_runs_with_temporary_outputs_do_not_block_each_other(conn):
    submit(conn, "a-1", **RECIPE, output_type="temporary")
    submit(conn, "a-2", **RECIPE, output_type="temporary")
    submit(conn, "a-3", **RECIPE)
    submit(conn, "a-4", **RECIPE, output_type="temporary")


def test_two_recipe_names_never_share_an_id(conn):
    submit(conn, "a-1", **RECIPE)
    with pytest.raises(
        RecipeIdTakenError, match="'Seal Tags' and 'seal tags' both give the recipe id 'seal-tags'"
    ):
        submit(conn, "a-2", recipe_id="seal-tags", recipe_name="seal tags")


# --- idempotency keys ---

KEY: dict[str, Any] = {"idempotency_key": "k-1", "request_digest": "d-1"}


def test_a_repeated_request_is_answered_with_its_first_run(conn):
    first = submit(conn, "a-1", **RECIPE, **KEY)
    assert submit(conn, "a-2", **RECIPE, **KEY) == first
    assert find_run(conn, "a-2") is None
    assert find_submission(conn, submitted_by=ensure_user(conn, "anna").id, **KEY) == first


def test_a_repeated_request_is_answered_with_its_run_even_when_that_has_ended(conn):
    submit(conn, "a-1", **RECIPE, **KEY)
    end(conn, "a-1", "Succeeded")
    assert submit(conn, "a-2", **RECIPE, **KEY).status == "Succeeded"


def test_an_idempotency_key_belongs_to_one_request(conn):
    submit(conn, "a-1", **RECIPE, **KEY)
    with pytest.raises(
        InvalidRequestError, match="'k-1' was used for a different request, which created run 'a-1'"
    ):
        submit(conn, "b-1", **(KEY | {"request_digest": "d-2"}))


def test_idempotency_keys_of_users_are_separate(conn):
    submit(conn, "a-1", user="anna", **KEY)
    assert submit(conn, "b-1", user="bert", **KEY).name == "b-1"


def test_an_idempotency_key_is_free_after_its_run_was_withdrawn(conn):
    submit(conn, "a-1", **RECIPE, **KEY)
    withdraw(conn, "a-1")
    assert submit(conn, "a-2", **RECIPE, **KEY).name == "a-2"


# --- at once ---


def test_of_many_submissions_of_one_recipe_at_once_exactly_one_wins(database):
    outcomes = at_once(*(submission(database, f"a-{n}", **RECIPE) for n in range(6)))
    winners = [outcome for outcome in outcomes if isinstance(outcome, str)]
    assert len(winners) == 1
    assert {type(outcome) for outcome in outcomes} == {str, AlreadyRunningError}


def test_one_key_used_many_times_at_once_makes_one_run(database):
    outcomes = at_once(*(submission(database, f"a-{n}", **RECIPE, **KEY) for n in range(6)))
    assert len(set(outcomes)) == 1
    assert outcomes[0] in {f"a-{n}" for n in range(6)}


def test_one_key_used_for_different_recipes_at_once_is_refused_to_all_but_one(database):
    outcomes = at_once(
        *(submission(database, f"r{n}-1", idempotency_key="k", request_digest=f"d-{n}") for n in range(4))
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == [*["InvalidRequestError"] * 3, "str"]


def test_concurrent_submissions_of_two_names_with_one_id_conflict(database):
    outcomes = at_once(
        *(
            submission(
                database, f"a-{n}", recipe_id="seal-tags", recipe_name=f"Seal {n}", output_type="temporary"
            )
            for n in range(4)
        )
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == [*["RecipeIdTakenError"] * 3, "str"]


def test_different_recipes_do_not_wait_for_each_other(database):
    with database.transaction() as conn:
        ensure_user(conn, "anna")
    with database.transaction() as conn:
        submit(conn, "a-1")
        assert at_once(submission(database, "b-1")) == ["b-1"]


def test_a_submission_waits_for_an_uncommitted_one_of_the_same_recipe(database):
    outcomes: list[Any] = []
    with pytest.raises(ZeroDivisionError), database.transaction() as conn:
        submit(conn, "a-1", **RECIPE)
        thread = threading.Thread(target=lambda: outcomes.append(submission(database, "a-2", **RECIPE)()))
        thread.start()
        thread.join(0.2)
        assert outcomes == []
        raise ZeroDivisionError
    thread.join(60)
    assert outcomes == ["a-2"]


# --- on the way to Argo ---


def test_runs_argo_may_not_have_are_found(conn):
    for name in ("a-1", "b-1", "c-1", "d-1"):
        submit(conn, name)
    record_handover(conn, "b-1", uid="u")
    record_refusal(conn, "c-1", message="no")
    record_state(conn, state("d-1"))
    assert unsent_runs(conn, older_than=-1) == ["a-1"]
    assert unsent_runs(conn, older_than=60) == []


def test_a_handover_may_be_recorded_again_but_not_for_another_workflow(conn):
    submit(conn, "a-1")
    assert record_handover(conn, "a-1", uid="u-1")
    assert record_handover(conn, "a-1", uid="u-1")
    assert not record_handover(conn, "a-1", uid="u-2")
    assert get_run(conn, "a-1").workflow_uid == "u-1"


def test_an_event_may_come_before_the_handover_is_recorded(conn):
    submit(conn, "a-1")
    record_state(conn, state("a-1", phase="Succeeded"))
    assert record_handover(conn, "a-1", uid="uid-of-a-1")
    assert get_run(conn, "a-1").status == "Succeeded"


def test_a_run_argo_has_cannot_be_withdrawn_or_refused(conn):
    submit(conn, "a-1")
    record_handover(conn, "a-1", uid="u")
    assert not withdraw(conn, "a-1")
    assert not record_refusal(conn, "a-1", message="no")


def test_a_withdrawn_run_is_deleted_and_frees_its_recipe(conn):
    submit(conn, "a-1", **RECIPE)
    assert withdraw(conn, "a-1")
    assert not withdraw(conn, "a-1")
    assert not record_handover(conn, "a-1", uid="u")
    assert find_run(conn, "a-1") is None
    submit(conn, "a-2", **RECIPE)


def test_a_refused_run_ends_with_the_reason(conn):
    submit(conn, "a-1", **RECIPE)
    assert record_refusal(conn, "a-1", message="Argo: spec is invalid")
    run = get_run(conn, "a-1")
    assert (run.status, run.message) == ("Error", "Argo: spec is invalid")
    assert run.finished_at is not None
    assert not claim_refresh(conn, "a-1", silent_for=-1)


# --- retries ---


def failed(conn: psycopg.Connection, name: str, **fields: Any) -> None:
    submit(conn, name, **fields)
    end(conn, name, "Failed")


def test_a_failed_run_may_be_retried(conn):
    failed(conn, "a-1", **RECIPE)
    assert claim_retry(conn, "a-1").status == "Failed"


@pytest.mark.parametrize("phase", ["Pending", "Running", "Succeeded"])
def test_a_run_that_has_not_failed_cannot_be_retried(conn, phase):
    submit(conn, "a-1")
    end(conn, "a-1", phase)
    with pytest.raises(RunStateError, match=f"'a-1' is {phase}"):
        claim_retry(conn, "a-1")


def test_a_run_whose_workflow_is_gone_cannot_be_retried(conn):
    failed(conn, "a-1")
    record_absence(conn, "a-1")
    submit(conn, "b-1")
    record_refusal(conn, "b-1", message="no")
    for name in ("a-1", "b-1"):
        with pytest.raises(RunStateError, match="Submit the recipe again"):
            claim_retry(conn, name)


def test_an_unknown_run_cannot_be_retried(conn):
    with pytest.raises(UnknownRunError):
        claim_retry(conn, "a-1")


def test_a_retry_conflicts_with_another_run_of_the_recipe(conn):
    failed(conn, "a-1", **RECIPE)
    submit(conn, "a-2", **RECIPE)
    with pytest.raises(AlreadyRunningError):
        claim_retry(conn, "a-1")
    end(conn, "a-2", "Succeeded")
    with pytest.raises(AlreadyPublishedError):
        claim_retry(conn, "a-1")


def test_a_submission_waits_until_the_retry_is_recorded(database):
    with database.transaction() as conn:
        failed(conn, "a-1", **RECIPE)
    outcomes: list[Any] = []
    with database.transaction() as conn:
        claim_retry(conn, "a-1")
        thread = threading.Thread(
            target=lambda: outcomes.extend(at_once(submission(database, "a-2", **RECIPE)))
        )
        thread.start()
        thread.join(0.2)
        assert outcomes == []
        end(conn, "a-1", "Running", version=11)
    thread.join(60)
    assert [type(outcome) for outcome in outcomes] == [AlreadyRunningError]


def test_a_retry_by_argo_itself_is_recorded_even_during_another_run(conn):
    failed(conn, "a-1", **RECIPE)
    submit(conn, "a-2", **RECIPE)
    end(conn, "a-1", "Running", version=11)
    assert get_run(conn, "a-1").status == "Running"
