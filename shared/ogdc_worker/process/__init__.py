"""`ogdc-worker process`: a partition's inputs, the recipe's commands, and what they leave."""
