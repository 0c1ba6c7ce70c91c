"""The command line `ogdc-runner`."""
