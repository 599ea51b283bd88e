"""Prices and properties of 53,940 diamonds.

Source: ggplot2's data set (H. Wickham), as shipped by the package plotnine, licence MIT.
"""

from __future__ import annotations

from typing import Any

from .archive import read_zip_member
from .cache import Collection, DataFile, Package
from .table import Table, read_table

DIAMONDS = Collection(
    "diamonds",
    "Diamonds",
    "MIT",
    "ggplot2 (H. Wickham); the package plotnine",
    (DataFile("diamonds.csv", 2_772_143, "9574730b03aba241d899c4a97511c5061b19358fab89510774fb6c24168345c4"),),
    package=Package(
        "plotnine==0.15.9",
        "plotnine-0.15.9-py3-none-any.whl",
        "36f4526235b3ddd9ea379dd677093ea2ee1b58ab98adec1bde891930283448cd",
        lambda wheel: {"diamonds.csv": read_zip_member(wheel, "plotnine/data/diamonds.csv", limit=2**23)},
    ),
)


def load_diamonds(*, download: bool = True, folder: Any = None) -> Table:
    """The diamonds as a `Table`: `carat depth table x y z` float64, `price` int64 (dollars), `cut color clarity` texts.

    Qualities from worst to best: cut Fair, Good, Very Good, Premium, Ideal; color J to D; clarity I1, SI2, SI1,
    VS2, VS1, VVS2, VVS1, IF. `table.encode(name, categories)` makes numbers of them. Fetched on first use, as
    `load_mnist`.
    """
    return read_table(DIAMONDS.load("diamonds.csv", download=download, folder=folder))
