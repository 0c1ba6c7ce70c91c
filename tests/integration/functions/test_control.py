"""POST /runs/{name}/cancel and /retry."""

from __future__ import annotations

import pytest

from ogdc_shared.db.database import Database
from support.argo_server import ArgoServer
from support.runs import recipe_files, send, started, tell


class TestCancel:
    def test_a_running_run_is_stopped(self, submit, argo_events, argo: ArgoServer):
        name = started(submit)
        tell(argo_events, argo.advance(name, "Running"))

        response = submit.post(f"/runs/{name}/cancel")

        assert response.status_code == 200
        assert response.get_json()["status"] == "Failed"
        assert response.get_json()["message"] == "Cancelled by anonymous."
        assert response.get_json()["cancelled_at"] is not None
        assert argo.workflows[name]["status"]["phase"] == "Failed"

    def test_a_cancelled_run_frees_its_recipe(self, submit):
        submit.post(f"/runs/{started(submit)}/cancel")

        assert send(submit).status_code == 200

    @pytest.mark.parametrize("phase", ["Succeeded", "Failed", "Error"])
    def test_a_run_that_has_ended_cannot_be_stopped(self, submit, argo_events, argo: ArgoServer, phase: str):
        name = started(submit)
        tell(argo_events, argo.advance(name, phase))

        response = submit.post(f"/runs/{name}/cancel")

        assert response.status_code == 409
        assert phase in response.get_json()["detail"]
        assert argo.called("terminate") == 0

    def test_cancelling_a_run_that_has_just_ended_reports_the_end(self, submit, status, argo: ArgoServer):
        name = started(submit)
        argo.advance(name, "Succeeded")

        assert submit.post(f"/runs/{name}/cancel").status_code == 409
        assert status.get(f"/status/{name}").get_json()["status"] == "Succeeded"

    def test_a_run_that_has_published_by_then_has_succeeded(self, submit, status, argo: ArgoServer):
        name = started(submit)
        publish = {"id": "p", "displayName": "publish", "type": "Pod", "templateName": "publish"}
        argo.advance(name, "Running", nodes={"p": publish | {"phase": "Succeeded"}})

        response = submit.post(f"/runs/{name}/cancel")

        assert response.status_code == 409
        assert response.get_json()["detail"].endswith("has ended (Succeeded); there is nothing to cancel.")
        run = status.get(f"/runs/{name}").get_json()
        assert (run["status"], run["message"], run["cancelled_at"]) == ("Succeeded", None, None)

    def test_a_run_that_never_reached_argo_is_ended(self, submit, argo: ArgoServer):
        argo.faults["create"] = "refuse"
        name = send(submit).get_json()["detail"].split()[5].rstrip(".")
        argo.faults.clear()

        response = submit.post(f"/runs/{name}/cancel")

        assert response.get_json()["status"] == "Error"
        assert response.get_json()["cancelled_at"] is not None
        assert submit.post("/sweep?unsent_for=0").get_json()["sent"] == []
        assert argo.workflows == {}

    def test_a_run_that_reached_argo_unnoticed_is_stopped_there(self, submit, argo: ArgoServer):
        argo.faults["create"] = "drop"
        name = send(submit).get_json()["detail"].split()[5].rstrip(".")
        argo.faults.clear()

        response = submit.post(f"/runs/{name}/cancel")

        assert response.get_json()["status"] == "Failed"
        assert argo.called("terminate") == 1

    def test_without_argo_a_cancel_changes_nothing(self, submit, status, argo: ArgoServer):
        name = started(submit)
        argo.faults["terminate"] = "refuse"

        assert submit.post(f"/runs/{name}/cancel").status_code == 503
        assert status.get(f"/status/{name}").get_json()["status"] == "Pending"

    def test_an_unknown_run_is_404(self, submit):
        assert submit.post("/runs/no-such-run/cancel").status_code == 404
        assert submit.post("/runs/NO_SUCH/cancel").status_code == 404


class TestRetry:
    @pytest.fixture
    def failed(self, submit, argo_events, argo: ArgoServer) -> str:
        name = started(submit)
        tell(argo_events, argo.advance(name, "Failed", message="out of luck"))
        return name

    def test_a_failed_run_runs_again(self, submit, failed: str):
        response = submit.post(f"/runs/{failed}/retry")

        assert response.status_code == 200
        assert response.get_json()["status"] == "Running"
        assert response.get_json()["message"] is None

    def test_a_retried_run_keeps_its_recipe(self, submit, failed: str):
        submit.post(f"/runs/{failed}/retry")

        assert send(submit).status_code == 409

    def test_a_run_cannot_be_retried_during_another_run_of_its_recipe(
        self, submit, argo: ArgoServer, failed: str
    ):
        other = started(submit)

        response = submit.post(f"/runs/{failed}/retry")

        assert response.status_code == 409
        assert other in response.get_json()["detail"]
        assert argo.called("retry") == 0

    @pytest.mark.parametrize("phase", ["Pending", "Running", "Succeeded"])
    def test_only_failed_runs_can_be_retried(self, submit, argo_events, argo: ArgoServer, phase: str):
        name = started(submit, files=recipe_files(output="temporary"))
        tell(argo_events, argo.advance(name, phase))

        assert submit.post(f"/runs/{name}/retry").status_code == 409

    def test_a_run_without_its_workflow_cannot_be_retried(self, submit, argo: ArgoServer, failed: str):
        argo.workflows.clear()

        response = submit.post(f"/runs/{failed}/retry")

        assert response.status_code == 409
        assert "ubmit" in response.get_json()["detail"]

    def test_a_lost_response_to_a_retry_is_compensated_by_events(
        self, submit, status, argo_events, argo: ArgoServer, failed: str
    ):
        argo.faults["retry"] = "drop"

        assert submit.post(f"/runs/{failed}/retry").status_code == 503
        assert status.get(f"/status/{failed}").get_json()["status"] == "Failed"

        tell(argo_events, argo.workflows[failed])
        assert status.get(f"/status/{failed}").get_json()["status"] == "Running"

    def test_an_unknown_run_is_404(self, submit):
        assert submit.post("/runs/no-such-run/retry").status_code == 404


def test_a_refused_retry_leaves_the_record_alone(submit, argo_events, argo: ArgoServer, database: Database):
    name = started(submit)
    tell(argo_events, argo.advance(name, "Failed"))
    argo.faults["retry"] = "reject"

    assert submit.post(f"/runs/{name}/retry").status_code == 409
    with database.transaction() as conn:
        assert conn.execute("SELECT status FROM runs").fetchall() == [("Failed",)]
