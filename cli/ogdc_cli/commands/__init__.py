"""One module for each group of commands; dependencies of a command are imported when it runs."""
