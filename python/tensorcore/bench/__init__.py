"""Kernel microbenchmarks: what `tensorcore bench` runs.

`cases` says what is timed and how each framework writes it, `worker` times one framework in a
process of its own, `runner` interleaves the workers and compares results, `report` prints.
"""
