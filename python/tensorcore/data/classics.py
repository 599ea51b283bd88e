"""Three classic tables of measurements, small enough to ship with the package.

Sources, all from the UCI Machine Learning Repository, licence CC BY 4.0:
R. Fisher, "Iris", 1936, https://doi.org/10.24432/C56C76 (with the two rows corrected that differ from Fisher's paper);
S. Aeberhard, M. Forina, "Wine", 1992, https://doi.org/10.24432/C5PC7J;
W. Wolberg, O. Mangasarian, N. Street, W. Street, "Breast Cancer Wisconsin (Diagnostic)", 1993, https://doi.org/10.24432/C5DW2B.
"""

from __future__ import annotations

from typing import NamedTuple

from ..tensor import Tensor
from .table import read_table


class Measurements(NamedTuple):
    """`features` (N, F) float32, `labels` (N,) int64, and what columns and labels are called."""

    features: Tensor
    labels: Tensor
    feature_names: list[str]
    class_names: list[str]


def _shipped(name: str, class_names: list[str]) -> Measurements:
    from importlib import resources

    table = read_table(resources.files(__package__).joinpath(f"{name}.csv.gz").read_bytes(), limit=2**20)
    feature_names = [column for column in table.columns if column != "class"]
    return Measurements(table.matrix(feature_names), table.encode("class", class_names)[0], feature_names, class_names)


def load_iris() -> Measurements:
    """Fisher's 150 irises: length and width of sepals and petals in cm, three species of 50 each.

    >>> tc.data.load_iris().features.shape
    (150, 4)
    """
    return _shipped("iris", ["setosa", "versicolor", "virginica"])


def load_wine() -> Measurements:
    """178 wines from one region: 13 chemical measurements, three growers (59, 71 and 48 wines)."""
    return _shipped("wine", ["class_0", "class_1", "class_2"])


def load_breast_cancer() -> Measurements:
    """569 tumours: 30 measurements of cell nuclei, 212 malignant (label 0) and 357 benign (label 1)."""
    return _shipped("breast_cancer", ["malignant", "benign"])
