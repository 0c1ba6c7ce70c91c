"""`ogdc-worker`: the program that every task's container runs."""
