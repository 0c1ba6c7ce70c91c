"""Fetching files from external servers: credentials, proxies, responses."""
