"""Argo as this project meets it: the Argo Server's REST API, and the state in a Workflow object."""
