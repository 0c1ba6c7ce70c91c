"""Publishing the result of a run: making a package of it on this machine, and sending that to a node."""
