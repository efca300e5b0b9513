"""Training data that are read block by block: arrays on disk, arrays that are computed, and batches."""
