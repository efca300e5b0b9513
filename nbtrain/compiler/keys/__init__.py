"""Keys of components: what their functions do, in words."""
