"""Random tensors and their generator: what `tc.random` holds. See `tensorcore.ops.random`."""

from .ops.random import *  # noqa: F403
from .ops.random import __all__  # noqa: F401
