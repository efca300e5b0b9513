"""
Learning curves, early stopping and the best epoch
==================================================

Train on handwritten digits until the validation loss no longer improves, and look at the curves. The parameters of the
best epoch are kept.
"""

import nbtrain
from nbtrain.callbacks import EarlyStopping
from nbtrain.datasets import load_digits

X, y = load_digits()
X_train, y_train, X_val, y_val = X[:1200], y[:1200], X[1200:], y[1200:]

network = nbtrain.Network(64, [nbtrain.Dense(64, "relu", dropout=0.2), nbtrain.Dense(10)])
trainer = nbtrain.Trainer(network, loss="softmax_cross_entropy", rng=0)
early = EarlyStopping("val_loss", patience=10)
history = trainer.fit(X_train, y_train, epochs=200, validation_data=(X_val, y_val), callbacks=[early])
print(f"stopped after epoch {trainer.epoch}, best epoch {early.best_epoch}")

# %%
# One panel for the loss, one for the accuracy. Dashed lines are the validation data; the dotted line marks the best
# epoch.

history.plot()
