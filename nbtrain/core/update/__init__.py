"""From the gradient to new weights."""
