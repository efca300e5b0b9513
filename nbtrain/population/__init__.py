"""Many networks that are trained in one call: `nbtrain.Population`."""

from .history import PopulationHistory
from .population import Population

__all__ = ["Population", "PopulationHistory"]
