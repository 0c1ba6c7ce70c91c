"""Making DataONE packages of results, and having member nodes have them."""
