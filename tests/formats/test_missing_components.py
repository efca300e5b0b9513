"""A model file whose component is missing where it is loaded: said once, with the provider and what there is."""

from __future__ import annotations

import pytest

import nbtrain


def twice(z):
    return 2.0 * z


def twice_slope(z):
    return 2.0


def test_a_missing_component_is_named_once_with_its_provider(tmp_path):
    spec = nbtrain.Activation("twice", twice, twice_slope)
    nbtrain.register(spec)
    try:
        network = nbtrain.Network(1, [nbtrain.Dense(2, "twice"), nbtrain.Dense(1)])
        nbtrain.Trainer(network, loss="mse", rng=0).save(tmp_path / "model.nbt")
    finally:
        nbtrain.unregister(spec)
    with pytest.raises(nbtrain.ModelFileError) as raised:
        nbtrain.load(tmp_path / "model.nbt")
    told = str(raised.value)
    assert told.count("unknown activation 'twice'") == 1
    assert told.count("twice") == 1
    assert "network.layers[0].activation.name" in told
    assert told.endswith("A program had registered it: call nbtrain.register with it before the file is loaded")
