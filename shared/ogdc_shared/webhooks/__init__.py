"""Who is told of the ends of runs, and telling them."""
