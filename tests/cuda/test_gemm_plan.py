"""The planner of products: a pure function, so checked over all of its inputs without a device."""

from dataclasses import dataclass

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import tensorcore as tc
from tensorcore import _core


@dataclass
class Plan:
    kernel: str
    tile: tuple[int, int, int]
    stages: int
    threads: int
    tiles: tuple[int, int]
    split_k: int
    k_per_split: int
    shared: int
    workspace: int
    a_k_major: bool
    a_width: int
    b_k_major: bool
    b_width: int
    c_width: int


def plan(
    m: int, n: int, k: int, batch: int = 1, dtype: str = "bfloat16", a=None, b=None, c=None, precision: str = "ieee",
    multiprocessors: int = 132,
) -> Plan:  # fmt: skip
    """A, B and C row-major and aligned unless given: (outer stride, stride along k, alignment), C (row, column, …)."""
    kernel, tile, numbers, access = _core.plan_gemm(
        (m, n, k, batch),
        getattr(tc, dtype),
        a or (k, 1, 16),
        b or (1, n, 16),
        c or (n, 1, 16),
        precision,
        multiprocessors,
    )
    tiles_m, tiles_n, split, per_split, shared, workspace = numbers
    return Plan(
        kernel, tuple(tile[:3]), tile[3], tile[4], (tiles_m, tiles_n), split, per_split, shared, workspace,
        bool(access[0]), access[1], bool(access[2]), access[3], access[4],
    )  # fmt: skip


DTYPES = ("float16", "bfloat16", "float32", "float64", "int8", "int16", "int32", "int64")
extents = st.one_of(st.integers(1, 40), st.integers(1, 5000), st.integers(1, 2**33))


@settings(max_examples=300, deadline=None)
@given(
    m=extents, n=extents, k=st.one_of(st.just(0), extents), batch=st.one_of(st.just(1), st.integers(1, 10**5)), dtype=st.sampled_from(DTYPES),
    precision=st.sampled_from(["ieee", "3xtf32", "tf32"]), multiprocessors=st.integers(1, 200), data=st.data(),
)  # fmt: skip
def test_every_plan_covers_the_matrix_and_fits_the_device(
    m, n, k, batch, dtype, precision, multiprocessors, data
) -> None:
    assume(m * n * batch < 2**40)  # elements of C
    strides = st.one_of(st.integers(-3, 3), st.integers(-(2**20), 2**20))
    sides = st.tuples(strides, strides, st.sampled_from([1, 2, 4, 8, 16]))
    a, b, c = (data.draw(sides) for _ in range(3))
    p = plan(m, n, k, batch, dtype, a, b, c, precision, multiprocessors)
    size = getattr(tc, dtype).itemsize
    for extent, tile, count in [(m, p.tile[0], p.tiles[0]), (n, p.tile[1], p.tiles[1])]:
        assert (count - 1) * tile < extent <= count * tile
    assert 1 <= p.split_k <= 65535
    assert p.k_per_split % p.tile[2] == 0
    assert 0 < p.k_per_split <= 2**30
    assert p.split_k * p.k_per_split >= k
    assert (p.split_k - 1) * p.k_per_split < max(k, 1)  # no block without steps
    assert p.workspace == (p.split_k * batch * m * n * max(size, 4) if p.split_k > 1 else 0)
    assert p.shared <= 112 * 1024  # two blocks of a Hopper multiprocessor
    assert p.threads in (128, 256)
    for width in (p.a_width, p.b_width, p.c_width):
        assert width in {16, 4, size}
    # 16-byte accesses only where every one of them is aligned, and neighbours are neighbours.
    for wide, k_major, (outer_stride, k_stride, alignment), outer in [
        (p.a_width == 16, p.a_k_major, a, m),
        (p.b_width == 16, p.b_k_major, b, n),
    ]:
        if not wide:
            continue
        run, run_extent, line, line_extent = (
            (k_stride, k, outer_stride, outer) if k_major else (outer_stride, outer, k_stride, k)
        )
        assert alignment == 16
        assert run == 1 or run_extent <= 1
        assert line * size % 16 == 0 or line_extent <= 1
    if p.c_width == 16:
        assert c[1:] == (1, 16)
        assert c[0] * size % 16 == 0 or m == 1
    kernels = {"float16": "mma", "bfloat16": "mma", "float32": {"ieee": "simt"}.get(precision, precision)}
    assert p.kernel == kernels.get(dtype, "simt")


def test_large_products_take_large_tiles() -> None:
    for dtype, precision in [("bfloat16", "ieee"), ("float32", "ieee"), ("float32", "tf32"), ("float32", "3xtf32")]:
        p = plan(4096, 4096, 4096, dtype=dtype, precision=precision)
        assert p.tile[:2] == (128, 128)
        assert (p.split_k, p.workspace) == (1, 0)


def test_tiles_follow_the_shape() -> None:
    assert plan(16, 8192, 4096).tile[:2] == (32, 128)
    assert plan(8192, 16, 4096).tile[:2] == (128, 32)
    assert plan(512, 512, 64).tile[:2] == (64, 64)
    assert plan(64, 64, 64, batch=3).tile[:2] == (64, 64)
    assert plan(1, 1, 1).tile[:2] == (64, 64)


def test_long_sums_of_few_results_are_split() -> None:
    for shape in [(1, 1, 10**6), (64, 64, 65536), (1, 4096, 16384), (256, 256, 32768)]:
        p = plan(*shape)
        blocks = p.tiles[0] * p.tiles[1] * p.split_k
        assert p.split_k > 1, shape
        assert blocks >= 64, shape
    assert plan(4096, 4096, 512).split_k == 1
    assert plan(64, 64, 64).split_k == 1
    assert plan(64, 64, 65536, batch=528).split_k == 1  # the batch fills the device four times


def test_batches_count_as_tiles() -> None:
    assert plan(128, 128, 256, batch=1000).tile[:2] == (128, 128)


def test_alignment_decides_the_width() -> None:
    assert plan(256, 256, 256).a_width == 16
    assert plan(256, 256, 256, a=(256, 1, 8)).a_width == 4
    assert plan(256, 256, 256, a=(258, 1, 16)).a_width == 4  # rows start at odd 4-byte words
    assert plan(256, 256, 256, a=(257, 1, 16)).a_width == 2
    assert plan(256, 256, 256, a=(512, 2, 16)).a_width == 2
    assert plan(1, 256, 256, a=(257, 1, 16)).a_width == 16  # one row: its stride does not matter
    assert plan(256, 256, 256, c=(257, 1, 16)).c_width == 2
    tf32 = plan(256, 256, 256, dtype="float32", precision="tf32", a=(257, 1, 16))
    assert (tf32.a_width, tf32.b_width) == (4, 16)


def test_the_nearer_neighbours_are_fetched_together() -> None:
    assert plan(64, 64, 64).a_k_major
    assert not plan(64, 64, 64).b_k_major
    assert not plan(64, 64, 64, a=(1, 64, 16)).a_k_major
    assert plan(64, 64, 64, b=(64, 1, 16)).b_k_major
    assert plan(64, 64, 64, a=(300, 2, 16)).a_k_major
    assert not plan(64, 64, 64, a=(-1, 300, 16)).a_k_major
    # The SIMT kernel turns k-major operands around, and takes 16 bytes at a time of the others.
    p = plan(64, 64, 64, dtype="float32")
    assert (p.a_k_major, p.a_width, p.b_k_major, p.b_width) == (True, 4, False, 16)


def test_names_of_precisions_are_checked() -> None:
    with pytest.raises(ValueError, match="precision must be ieee, 3xtf32 or tf32, got 'fast'"):
        plan(1, 1, 1, precision="fast")
