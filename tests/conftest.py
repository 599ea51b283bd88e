"""Shared fixtures."""

import os

# Before tensorcore is imported: without a GPU, the device `cuda` is the executor.
os.environ.setdefault("TENSORCORE_CUDA", "simt")

import numpy as np
import pytest


@pytest.fixture
def rng() -> np.random.Generator:
    """Seeded random numbers."""
    return np.random.default_rng(0)
