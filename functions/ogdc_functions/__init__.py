"""The services: each module turns HTTP requests into calls of `ogdc_shared` and answers in JSON."""
