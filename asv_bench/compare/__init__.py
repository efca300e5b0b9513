"""nbtrain and its peers on the same work: ``python -m compare`` in this folder's parent prints a table.

`peers` has one class for each library, `worker` times one of them in a process of its own, `__main__` runs them in
turns and prints. The workloads are those of the benchmarks.
"""
