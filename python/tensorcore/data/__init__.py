"""Data: sets, samplers, loaders, transforms, text tools, and readers of file formats."""

from . import transforms
from .collate import default_collate, pad_collate, pad_sequence
from .dataset import ConcatDataset, Dataset, IterableDataset, Subset, TensorDataset, random_split
from .digits import load_digits
from .fetch import LoaderError
from .loader import DataLoader
from .randomness import current_generator
from .sampler import (
    BatchSampler,
    LengthBatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

__all__ = [
    "BatchSampler",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "IterableDataset",
    "LengthBatchSampler",
    "LoaderError",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "WeightedRandomSampler",
    "current_generator",
    "default_collate",
    "load_digits",
    "pad_collate",
    "pad_sequence",
    "random_split",
    "transforms",
]
