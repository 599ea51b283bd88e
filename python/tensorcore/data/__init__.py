"""Data: sets, samplers, loaders, transforms, text tools, and readers of file formats.

Its modules are imported when one of their names is first used: a program that trains on tensors of its own needs none.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import transforms
    from .archive import read_tar_member, read_zip_member
    from .cache import data_folder
    from .cifar import read_cifar
    from .classics import load_breast_cancer, load_iris, load_wine
    from .collate import default_collate, pad_collate, pad_sequence
    from .dataset import ConcatDataset, Dataset, IterableDataset, Subset, TensorDataset, random_split
    from .diamonds import load_diamonds
    from .digits import load_digits
    from .fetch import LoaderError
    from .files import DataError, DownloadError
    from .idx import idx_bytes, read_idx
    from .kjv import load_kjv
    from .loader import DataLoader
    from .mnist import load_fashion_mnist, load_mnist
    from .ngrams import NgramFeatures
    from .numpy_pickle import read_numpy_pickle
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
    from .table import Table, read_table
    from .text import Vocabulary, character_tokenizer, word_tokenizer
    from .vader import load_vader

_HOMES = {
    "archive": ("read_tar_member", "read_zip_member"),
    "cache": ("data_folder",),
    "cifar": ("read_cifar",),
    "classics": ("load_breast_cancer", "load_iris", "load_wine"),
    "collate": ("default_collate", "pad_collate", "pad_sequence"),
    "dataset": ("ConcatDataset", "Dataset", "IterableDataset", "Subset", "TensorDataset", "random_split"),
    "diamonds": ("load_diamonds",),
    "digits": ("load_digits",),
    "fetch": ("LoaderError",),
    "files": ("DataError", "DownloadError"),
    "idx": ("idx_bytes", "read_idx"),
    "kjv": ("load_kjv",),
    "loader": ("DataLoader",),
    "mnist": ("load_fashion_mnist", "load_mnist"),
    "ngrams": ("NgramFeatures",),
    "numpy_pickle": ("read_numpy_pickle",),
    "randomness": ("current_generator",),
    "sampler": (
        "BatchSampler",
        "LengthBatchSampler",
        "RandomSampler",
        "Sampler",
        "SequentialSampler",
        "SubsetRandomSampler",
        "WeightedRandomSampler",
    ),
    "table": ("Table", "read_table"),
    "text": ("Vocabulary", "character_tokenizer", "word_tokenizer"),
    "vader": ("load_vader",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """The name from its module, which is imported now."""
    import importlib

    if name == "transforms":
        return importlib.import_module(".transforms", __name__)
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(f".{_HOME_OF[name]}", __name__), name)
    return value


def __dir__() -> list[str]:
    return __all__


__all__ = [
    "BatchSampler",
    "ConcatDataset",
    "DataError",
    "DataLoader",
    "Dataset",
    "DownloadError",
    "IterableDataset",
    "LengthBatchSampler",
    "LoaderError",
    "NgramFeatures",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "Subset",
    "SubsetRandomSampler",
    "Table",
    "TensorDataset",
    "Vocabulary",
    "WeightedRandomSampler",
    "character_tokenizer",
    "current_generator",
    "data_folder",
    "default_collate",
    "idx_bytes",
    "load_breast_cancer",
    "load_diamonds",
    "load_digits",
    "load_fashion_mnist",
    "load_iris",
    "load_kjv",
    "load_mnist",
    "load_vader",
    "load_wine",
    "pad_collate",
    "pad_sequence",
    "random_split",
    "read_cifar",
    "read_idx",
    "read_numpy_pickle",
    "read_table",
    "read_tar_member",
    "read_zip_member",
    "transforms",
    "word_tokenizer",
]
