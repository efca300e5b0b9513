"""Keys of components: a digest of what their functions do."""
