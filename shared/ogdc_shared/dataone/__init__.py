"""DataONE: a federation of repositories, where a data package is found by the identifier of its resource map.

`client` asks a member node which files a package has. Nothing is downloaded here; the worker does that.
"""
