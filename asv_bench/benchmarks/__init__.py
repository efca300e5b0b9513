"""What users wait for: a training step, an import, a first result; and the memory that training takes.

Compiling never counts: `setup` makes what is timed, so that the code comes from the disk cache or was just
compiled, and whatever starts a process of its own finds a warm cache.
"""
