"""Code shared by the functions, the command line and the worker; see docs/architecture.md."""
