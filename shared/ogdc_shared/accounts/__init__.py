"""Users of a deployment: authentication, API tokens, and the audit log."""
