"""The local stack's processes, its state directory and its port."""
