"""The interface to Argo: the Argo Server's REST API, and the state in Workflow objects."""
