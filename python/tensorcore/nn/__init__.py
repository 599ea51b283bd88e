"""Neural networks: `functional` holds the kernels with gradients that layers stand on."""

from . import functional

__all__ = ["functional"]
