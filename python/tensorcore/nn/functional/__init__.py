"""Neural-network functions with PyTorch's names; axes are spelled `axis` and `keepdims` as in `tc`."""

from .softmax import *  # noqa: F403
