"""Benchmarks; run by `make bench`, explained in docs/benchmarks.md.

A figure that misses its target is marked; the exit code is 0 all the same.
"""
