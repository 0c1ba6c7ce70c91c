"""The whole system on one machine: PostgreSQL, the functions, and an engine that runs Argo manifests."""
