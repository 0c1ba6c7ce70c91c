"""Measures how long things take; `make bench` runs it, docs/benchmarks.md says how to read it.

It holds nobody to anything: a figure that misses its goal is marked, and the exit code is 0 all the same.
"""
