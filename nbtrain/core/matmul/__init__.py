"""The matrix products of a dense layer: `products` has all five; the other modules are what they are built from."""
