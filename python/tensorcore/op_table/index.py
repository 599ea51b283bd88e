"""Indexing, gathering and scattering."""

import numpy as np

import tensorcore as tc
from tensorcore.nn import functional as F

from .row import ALL, FLOATS, REALS, Op

z = tc.zeros
INDEX = np.array([[2, -1, 0], [0, 0, 1]])


def with_index(shape, index):
    return lambda rng: [rng.standard_normal(shape) * 2, index]


def scatter_reference(x, index, src):
    out = x.copy()
    for i in np.ndindex(index.shape):
        out[i[0], index[i]] += src[i]
    return out


def embedding_reference(index, weight):
    return weight[index]


ROWS = [
    Op("take", lambda x, i: tc.take(x, i, axis=1), lambda x, i: np.take(x, i, 1),
       with_index((4, 3, 2), np.array([2, 0, -1, 2])),
       ALL, fixed=(1,), terms=4,
       errors=[(lambda: tc.take(z((2, 3)), tc.asarray([3]), axis=1), IndexError,
                "take: index 3 is out of range for axis 1 of extent 3"),
               (lambda: tc.take(z((2, 3)), tc.asarray([0])), ValueError,
                "take: axis may be left out for 1-d tensors only, got shape (2, 3)"),
               (lambda: tc.take(z(3), tc.asarray([0.0])), TypeError, "take: indices must be integers, got float32")]),
    Op("gather", lambda x, i: tc.gather(x, 1, i), lambda x, i: np.take_along_axis(x[:2], i, 1),
       with_index((4, 3), INDEX),
       ALL, fixed=(1,), terms=4,
       errors=[(lambda: tc.gather(z((2, 3)), 1, tc.asarray([[3]])), IndexError,
                "gather: index 3 is out of range for axis 1 of extent 3"),
               (lambda: tc.gather(z((2, 3)), 1, tc.asarray([0])), ValueError,
                "gather: the index needs as many axes as x and no larger extent except along axis 1, "
                "got (1,) for (2, 3)")]),
    Op("scatter_add", lambda x, i, s: tc.scatter_add(x, 1, i, s), scatter_reference,
       lambda rng: [rng.standard_normal((4, 3)), INDEX, rng.standard_normal((3, 4))], REALS, fixed=(1,), terms=4,
       scale=lambda x, i, s: 4 * np.ones((4, 3)) * max(1.0, np.abs(x).max() + np.abs(s).max())
       if x.dtype.kind == "f" else None,
       errors=[(lambda: tc.scatter_add(z(2), 0, tc.asarray([2]), z(1)), IndexError,
                "scatter_add: index 2 is out of range for axis 0 of extent 2"),
               (lambda: tc.scatter_add(z(2), 0, tc.asarray([0]), z(1, dtype=tc.float64)), TypeError,
                "scatter_add: src must have the dtype of x, got float64 and float32")]),
    Op("take_along_axis", lambda x, i: tc.take_along_axis(x, i, axis=0),
       lambda x, i: np.take_along_axis(x, np.broadcast_to(i, (2, 3)), 0),
       with_index((4, 3), np.array([[2], [-1]])), ALL, fixed=(1,), terms=4,
       errors=[(lambda: tc.take_along_axis(z((2, 3)), tc.asarray([[5]]), axis=1), IndexError,
                "gather: index 5 is out of range for axis 1 of extent 3"),
               (lambda: tc.take_along_axis(z((2, 3)), tc.asarray([1])), ValueError,
                "take_along_axis: needs as many axes in both, got (2, 3) and (1,)")]),
    Op("one_hot", lambda i: tc.one_hot(i, 4), lambda i: np.eye(4, dtype=np.int64)[i],
       lambda rng: [rng.integers(0, 4, (3, 5))], ("uint8", "int8", "int16", "int32", "int64"), order=0,
       empty=lambda: [(0, 2)],
       errors=[(lambda: tc.one_hot(tc.asarray([4]), 4), IndexError, "one_hot: index 4 is out of range for 4 classes"),
               (lambda: tc.one_hot(tc.asarray([-1]), 4), IndexError,
                "one_hot: index -1 is out of range for 4 classes")]),
    Op("nn.functional.embedding", F.embedding, embedding_reference,
       lambda rng: [rng.integers(-6, 6, (3, 5)), rng.standard_normal((6, 4))], FLOATS, fixed=(0,), terms=15,
       errors=[(lambda: F.embedding(tc.asarray([6]), z((6, 2))), IndexError,
                "embedding: index 6 is out of range for axis 0 of extent 6"),
               (lambda: F.embedding(tc.asarray([0.5]), z((6, 2))), TypeError,
                "embedding: indices must be integers, got float32"),
               (lambda: F.embedding(tc.asarray([0]), z((6, 2)), 6), IndexError,
                "embedding: padding_idx must lie in [-6, 6), got 6"),
               (lambda: F.embedding(tc.asarray([0]), z(6)), ValueError,
                "embedding: the weight needs two axes (rows, features), got shape (6,)")]),
    *(Op(f"getitem[{name}]", lambda x, key=key: x[key], lambda x, key=key: x[key],
         lambda rng: [rng.standard_normal((4, 3, 5)) * 2],
         ALL, terms=4)
      for name, key in {
          "view": (slice(None, None, -2), None, 1, ...),
          "int arrays": (np.array([[1], [-1]]), slice(None), np.array([0, 2, 2])),
          "mask": np.arange(12).reshape(4, 3) % 5 < 2,
      }.items()),
]  # fmt: skip
