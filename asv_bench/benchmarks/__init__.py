"""Benchmarks of what users wait for: a training step, an import, a first result; and of the memory of training.

Compiling never counts: `setup` makes what is timed, so that the code comes from the disk cache or was just
compiled, and whatever starts a process of its own finds a warm cache.

Where only this process works, and on one thread, the time is that of the processor (`timer = time.process_time`), so
that other programs on the machine count little. Elsewhere it is the clock's.
"""
