"""The artifact store.

`store` is its interface, `directory` and `s3` are its implementations, `opening` chooses between them,
`links` signs URLs of the directory store, and `files` writes files for both.

boto3 is imported only by `s3`.
"""
