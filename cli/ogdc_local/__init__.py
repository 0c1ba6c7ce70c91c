"""Everything on one machine: PostgreSQL, the functions and an engine behind one port."""
