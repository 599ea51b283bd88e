"""Data sets."""

from .digits import load_digits

__all__ = ["load_digits"]
