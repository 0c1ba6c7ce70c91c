"""The HTTP contract: one struct for each request and answer, and one table of routes.

The functions route by the table and answer with the structs, the command line decodes them, and the OpenAPI
document, the page of the docs and the local gateway are made of them.
"""
