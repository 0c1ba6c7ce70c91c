"""What the functions, the command line and the worker share; docs/architecture.md says what is where."""
