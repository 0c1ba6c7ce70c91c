"""Where artifacts are kept, and where recipes are read from.

`store` is the interface of the artifact store, `directory` and `s3` are the two there are, `opening` chooses
between them, `links` signs the addresses that the directory store hands out, and `files` does the writing for
both. `staging` brings a recipe from wherever its author keeps it into a directory; the places it reads from
are `sources`.

Nothing heavy is imported before it is needed: boto3 by `s3` alone, urllib3 and fsspec for the first location
that takes them.
"""
