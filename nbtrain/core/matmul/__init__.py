"""The matrix products of a dense layer: `products` has the five, the others what they are made of."""
