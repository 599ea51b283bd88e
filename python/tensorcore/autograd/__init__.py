"""Reverse-mode automatic differentiation: `tape` records, `walk` goes back, `function` is built on both."""

from .function import Context, Function, checkpoint, grad_of, value_and_grad
from .tape import Node, Output, enable_grad, grad_mode, is_grad_enabled, no_grad, record
from .walk import backward, grad

__all__ = [
    "Context",
    "Function",
    "Node",
    "Output",
    "backward",
    "checkpoint",
    "enable_grad",
    "grad",
    "grad_mode",
    "grad_of",
    "is_grad_enabled",
    "no_grad",
    "record",
    "value_and_grad",
]
