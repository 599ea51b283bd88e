"""What `tensorcore train` knows: data sets with the models that learn them, and settings that work."""

from .recipe import Job, Recipe, Settings, find, make_optimizer, make_schedule, names

__all__ = ["Job", "Recipe", "Settings", "find", "make_optimizer", "make_schedule", "names"]
