"""Asking servers for files: who one is to them, what they answer."""
