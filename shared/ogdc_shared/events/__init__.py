"""Events from outside: read here, recorded by `db`."""
