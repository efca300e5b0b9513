"""Model files: the safetensors format with a digest. Nothing in one is executed or imported."""
