"""Training from Python: `Trainer` and what a call of fit consists of."""
