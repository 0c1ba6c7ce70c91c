"""Publishing the result of a run from this machine, with the user's own token."""
