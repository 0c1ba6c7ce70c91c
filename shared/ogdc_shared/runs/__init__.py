"""The operations on runs; each API request calls one of them."""
