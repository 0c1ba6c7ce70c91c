"""The command line, and under `local/` the stack that runs everything on one machine."""
