"""Users of a deployment: who calls, their API tokens, and what was done."""
