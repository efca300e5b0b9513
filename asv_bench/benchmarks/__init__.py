"""Benchmarks of what users wait for: a training step, an import, a first result; and of the memory of training.

Compiling never counts: `setup` makes what is timed, so that the code comes from the disk cache or was just
compiled, and whatever starts a process of its own finds a warm cache.

Where only the calling thread works, its CPU time is taken (`timer = time.thread_time`): other programs on the machine
then count little. That of the process would be wrong, since NumPy's products in `setup` leave the threads of OpenBLAS
spinning for a while. Elsewhere it is the clock's.
"""
