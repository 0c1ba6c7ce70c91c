"""What a recipe's inputs are: found, listed and divided into partitions."""
