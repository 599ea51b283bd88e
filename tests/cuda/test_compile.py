"""tc.cuda.compile: CUDA C++ of one's own, its arguments, its errors."""

import inspect
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import _core
from tensorcore.cuda import compiler, driver_api, source, toolchain

if not tc.cuda.is_available():
    pytest.skip(_core.cuda_why(), allow_module_level=True)
ON_EXECUTOR = _core.cuda_backend() in ("simt", "simt-check")
executor_only = pytest.mark.skipif(not ON_EXECUTOR, reason="about the executor")

SAXPY = """
// y = a x + y.
// One thread per element.
__global__ void saxpy(int n, float a, const float* __restrict__ x, float* y) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = a * x[i] + y[i];
}
"""


def cuda(values, dtype="float32"):
    return tc.asarray(np.asarray(values), dtype=getattr(tc, dtype)).to("cuda")


def host(x):
    return np.asarray(x.to("cpu").astype(tc.float64))


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, env=environment)


class TestKernels:
    def test_saxpy(self):
        kernel = tc.cuda.compile(SAXPY, "saxpy")
        x, y = cuda(np.arange(1000)), cuda(np.ones(1000))
        kernel(8, 128, 1000, 2, x, y)
        assert np.array_equal(host(y), 2 * np.arange(1000) + 1)

    def test_documentation(self):
        kernel = tc.cuda.compile(SAXPY, "saxpy")
        assert kernel.__doc__ == (
            "saxpy(int n, float a, const float* x, float* y)\n\ny = a x + y.\nOne thread per element."
        )
        assert repr(kernel) == "<CUDA kernel saxpy(int n, float a, const float* x, float* y) of kernel.cu:4>"
        assert kernel.__name__ == "saxpy"

    @pytest.mark.parametrize(
        ("type_", "dtype"),
        [
            ("bool", "bool"),
            ("unsigned char", "uint8"),
            ("int8_t", "int8"),
            ("short", "int16"),
            ("std::int32_t", "int32"),
            ("unsigned", "int32"),
            ("long long", "int64"),
            ("size_t", "int64"),
            ("__half", "float16"),
            ("__nv_bfloat16", "bfloat16"),
            ("float", "float32"),
            ("double", "float64"),
        ],
    )
    def test_element_types(self, type_, dtype):
        text = "template <class T> __global__ void put(T* y, T value) { y[threadIdx.x] = value; }"
        y = cuda(np.zeros(4), dtype)
        tc.cuda.compile(text, f"put<{type_}>")(1, 3, y, 1)
        assert host(y).tolist() == [1, 1, 1, 0]

    def test_template_with_numbers_and_three_dimensions(self):
        text = """
        template <class T, int N = 8> __global__ void transpose(const T* x, T* y, int n) {
          __shared__ T tile[N][N + 1];
          int i = blockIdx.x * N + threadIdx.x, j = blockIdx.y * N + threadIdx.y;
          tile[threadIdx.y][threadIdx.x] = x[j * n + i];
          __syncthreads();
          y[(blockIdx.x * N + threadIdx.y) * n + blockIdx.y * N + threadIdx.x] = tile[threadIdx.x][threadIdx.y];
        }"""
        x = np.arange(32 * 32).reshape(32, 32)
        for name, width in (("transpose<float, 16>", 16), ("transpose<float>", 8)):
            y = cuda(np.zeros((32, 32)))
            tc.cuda.compile(text, name)((32 // width, 32 // width), (width, width), cuda(x), y, 32)
            assert np.array_equal(host(y), x.T)

    def test_shared_declarations(self):
        text = """
        template <int N> struct Box { float at[N]; };
        typedef float real;
        extern __shared__ real pool[];
        __shared__ int of_file[4];
        __device__ real from_pool(int i) { return pool[i] + of_file[i & 3]; }
        __global__ void sums(const float* x, float* y) {
          __shared__ float a[32],   // comments, commas,
              b[2][16], c;          /* and lines; */
          static __shared__ __align__(16) Box<8> boxes[4];
          alignas(16) __shared__ volatile int counts[32];
          __shared__ struct { float left; int right; } both;
          int i = threadIdx.x;
          a[i] = x[i]; b[i / 16][i % 16] = 2 * x[i]; boxes[i / 8].at[i % 8] = 3 * x[i]; counts[i] = i;
          pool[i] = x[i];
          if (i < 4) of_file[i] = 100;
          if (i == 0) { c = 5; both.left = 0.5f; both.right = 1; }
          auto doubled = [&](int k) { __shared__ float d[32]; d[k] = 2 * x[k]; return d[k]; };
          float two = doubled(i);
          __syncthreads();
          int j = 31 - i;
          const char* text = "__shared__ float not_this[2];";
          y[i] = a[j] + b[j / 16][j % 16] + boxes[j / 8].at[j % 8] + counts[j] + c + both.left + both.right +
                 from_pool(j) + two + (text[0] == '_');
        }"""
        x = np.arange(32) + 1
        y = cuda(np.zeros(32))
        tc.cuda.compile(text, "sums")(1, 32, cuda(x), y, shared=128)
        back = x[::-1]
        assert np.array_equal(host(y), 7 * back + np.arange(32)[::-1] + 106.5 + 1 + 2 * x)

    def test_warps_atomics_and_arithmetic(self):
        text = """
        namespace { __device__ __forceinline__ float both(float v) { return max(v, 0) + min(v, 0.0f); } }
        __global__ void all(const float* x, float* y, int* count, unsigned* bits) {
          float v = x[threadIdx.x];
          for (int d = 16; d > 0; d /= 2) v += __shfl_xor_sync(0xffffffff, v, d);
          if (__any_sync(0xffffffff, v > 1e30f)) return;
          unsigned odd = __ballot_sync(0xffffffff, threadIdx.x & 1);
          atomicAdd(count, 1);
          atomicMax(bits, odd);
          float4 w = make_float4(v, rsqrtf(4.0f), __popc(odd), both(-2.0f));
          if (blockIdx.x == 0) y[threadIdx.x] = w.x + w.y + w.z + w.w;
        }"""
        y, count, bits = cuda(np.zeros(32)), cuda([0], "int32"), cuda([0], "int32")
        tc.cuda.compile(text, "all")(2, 32, cuda(np.ones(32)), y, count, bits)
        assert host(y).tolist() == [32 + 0.5 + 16 - 2] * 32
        assert host(count).tolist() == [64]
        assert host(bits).tolist() == [np.array(0xAAAAAAAA, np.uint32).view(np.int32)]

    def test_half_precision(self):
        text = """
        #include <cuda_fp16.h>
        #include <cuda_bf16.h>
        __global__ void scale(const __half* x, __half* y, const __nv_bfloat16* a, __nv_bfloat16* b, __half by) {
          int i = threadIdx.x;
          y[i] = __float2half(__half2float(x[i]) * 2.0f) + by;
          b[i] = __float2bfloat16(__bfloat162float(a[i]) * 2.0f);
        }"""
        x = np.arange(8)
        y, b = cuda(x, "float16"), cuda(x, "bfloat16")
        tc.cuda.compile(text, "scale")(1, 8, cuda(x, "float16"), y, cuda(x, "bfloat16"), b, 0.5)
        assert np.array_equal(host(y), 2 * x + 0.5)
        assert np.array_equal(host(b), 2 * x)

    def test_vectors_and_null_pointers(self):
        text = """
        __global__ void quads(const float4* x, float4* y, const void* maybe) {
          float4 v = x[threadIdx.x];
          y[threadIdx.x] = make_float4(v.w, v.z, v.y, maybe ? 1 : v.x);
        }"""
        y = cuda(np.zeros(8))
        tc.cuda.compile(text, "quads")(1, 2, cuda(np.arange(8)), y, None)
        assert host(y).tolist() == [3, 2, 1, 0, 7, 6, 5, 4]

    def test_strides_are_the_kernels_business(self):
        text = "__global__ void first(const float* x, float* y, int step) { y[threadIdx.x] = x[threadIdx.x * step]; }"
        x, y = cuda(np.arange(12).reshape(3, 4)), cuda(np.zeros(3))
        tc.cuda.compile(text, "first")(1, 3, x[:, 1], y, 4)
        assert host(y).tolist() == [1, 5, 9]

    def test_cooperative_launch(self):
        text = """
        #include <cooperative_groups.h>
        __global__ void exchange(const float* x, float* y, float* z) {
          auto grid = cooperative_groups::this_grid();
          int i = grid.thread_rank(), n = grid.size();
          y[i] = x[i];
          grid.sync();
          z[i] = y[n - 1 - i];
        }"""
        z = cuda(np.zeros(96))
        kernel = tc.cuda.compile(text, "exchange")
        kernel(3, 32, cuda(np.arange(96)), cuda(np.zeros(96)), z, cooperative=True)
        assert np.array_equal(host(z), np.arange(96)[::-1])

    def test_atomics_that_change_nothing_are_no_deadlock(self):
        text = """
        __global__ void most(const int* x, int* y, int times) {
          for (int k = 0; k < times; ++k) atomicMax(y, x[threadIdx.x]);
        }"""
        y = cuda([100], "int32")
        tc.cuda.compile(text, "most")(1, 64, cuda(np.arange(64), "int32"), y, 5000)
        assert host(y).tolist() == [100]

    def test_printf(self, capfd):
        text = (
            r"#include <cstdio>" + "\n" + r'__global__ void say(int n) { printf("thread %d of %d\n", threadIdx.x, n); }'
        )
        tc.cuda.compile(text, "say")(1, 2, 7)
        tc.cuda.synchronize()
        assert capfd.readouterr().out == "thread 0 of 7\nthread 1 of 7\n"

    def test_options_and_files(self, tmp_path):
        path = tmp_path / "fill.cu"
        path.write_text('#include "value.h"\n__global__ void fill(float* y) { y[threadIdx.x] = VALUE + MORE; }')
        (tmp_path / "value.h").write_text("#define VALUE 3")
        kernel = tc.cuda.compile(path, "fill", options=[f"-I{tmp_path}", "-DMORE=4"])
        y = cuda(np.zeros(2))
        kernel(1, 2, y)
        assert host(y).tolist() == [7, 7]
        assert repr(kernel).endswith("fill.cu:2>")

    def test_two_spaces(self):
        text = """
        namespace a { namespace { __global__ void put(int* y) { *y = 1; } } }
        namespace b::c { static __global__ void put(int* y) { *y = 2; } }
        extern "C" { __global__ void plain(int* y) { *y = 3; } }"""
        for name, value in (("a::put", 1), ("b::c::put", 2), ("plain", 3)):
            y = cuda([0], "int32")
            tc.cuda.compile(text, name)(1, 1, y)
            assert host(y).tolist() == [value]
        with pytest.raises(ValueError, match="the source has 2 kernels 'put', on lines 2, 3"):
            tc.cuda.compile(text, "put")


class TestArguments:
    @pytest.fixture
    def kernel(self):
        return tc.cuda.compile(SAXPY, "saxpy")

    @pytest.mark.parametrize(
        ("change", "error", "text"),
        [
            ({0: 1.5}, TypeError, "kernel 'saxpy': parameter `int n` must be an integer, got float 1.5"),
            ({0: 2**31}, OverflowError, "parameter `int n`: 2147483648 is not in [-2147483648, 2147483647]"),
            ({1: 1e300}, OverflowError, "parameter `float a`: 1e+300 is out of range"),
            ({1: "2"}, TypeError, "parameter `float a` must be a number, got str '2'"),
            ({1: cuda(2.0)}, None, ""),
            ({2: 5}, TypeError, "`const float* x` must be a tensor of float32 on cuda:0, got int 5"),
            ({2: cuda([1], "int32")}, TypeError, "a tensor of float32 on cuda:0, got a tensor of int32 on cuda:0"),
            ({2: tc.zeros(4)}, TypeError, "a tensor of float32 on cuda:0, got a tensor of float32 on cpu"),
            ({3: tc.broadcast_to(cuda([1.0]), (4,))}, ValueError, "a broadcast array holds one element in several"),
        ],
    )
    def test_wrong(self, kernel, change, error, text):
        arguments = [4, 2.0, cuda(np.ones(4)), cuda(np.ones(4))]
        for place, value in change.items():
            arguments[place] = value
        if error is None:
            return kernel(1, 4, *arguments)
        with pytest.raises(error) as caught:
            kernel(1, 4, *arguments)
        assert text in str(caught.value)
        return None

    def test_number_of_arguments(self, kernel):
        with pytest.raises(TypeError, match=r"kernel 'saxpy': takes 4 arguments \(n, a, x, y\), got 1"):
            kernel(1, 4, 5)

    @pytest.mark.parametrize(
        ("grid", "block", "options", "error", "text"),
        [
            (0, 1, {}, ValueError, "grid must be positive, got 0"),
            ((1, 2, 3, 4), 1, {}, TypeError, "grid must be an int or one to three of them"),
            (1, "4", {}, TypeError, "block must be an int or one to three of them, got '4'"),
            (1, 1025, {}, RuntimeError, "launch of saxpy: "),
            (1, 1, {"shared": 1 << 20}, RuntimeError, "launch of saxpy: "),
            (1, 1, {"shared": -1}, ValueError, "shared must be a number of bytes, got -1"),
            (3, 1, {"cluster": 2}, RuntimeError, "launch of saxpy: "),
        ],
    )
    def test_wrong_shape(self, kernel, grid, block, options, error, text):
        with pytest.raises(error) as caught:
            kernel(grid, block, 0, 1.0, None, None, **options)
        assert text in str(caught.value)

    def test_writing_is_known_to_autograd(self, kernel):
        x = cuda(np.ones(4)).requires_grad_()
        w = cuda(np.ones(4))
        loss = (x * w).sum()
        kernel(1, 4, 4, 1.0, cuda(np.ones(4)), w)
        with pytest.raises(RuntimeError, match="changed in place"):
            loss.backward()
        with pytest.raises(RuntimeError, match=r"requires grad cannot be changed by a kernel.*pass x.detach\(\)"):
            kernel(1, 4, 4, 1.0, w, x)
        kernel(1, 4, 4, 1.0, w, x.detach())
        assert host(x.detach()).tolist() == [3, 3, 3, 3]

    def test_reading_what_requires_grad(self, kernel):
        y = cuda(np.zeros(4))
        kernel(1, 4, 4, 1.0, cuda(np.ones(4)).requires_grad_(), y)
        assert host(y).tolist() == [1, 1, 1, 1]


class TestErrors:
    def test_no_such_kernel(self):
        with pytest.raises(ValueError, match=r"no kernel 'axpy'; its kernels: saxpy"):
            tc.cuda.compile(SAXPY, "axpy")
        with pytest.raises(ValueError, match="its kernels: none"):
            tc.cuda.compile("int x;", "f")

    def test_compilers_words_with_the_users_lines(self):
        text = "__global__ void f(float* y) {\n  __shared__ float s[4],\n      t[4];\n  y[0] = z + s[0] + t[0];\n}"
        with pytest.raises(RuntimeError) as caught:
            tc.cuda.compile(text, "f")
        assert "compile: kernel 'f': " in str(caught.value)
        assert "kernel.cu:4" in str(caught.value) or "kernel.cu(4)" in str(caught.value)
        assert "z" in str(caught.value)

    @pytest.mark.parametrize(
        ("text", "name", "what"),
        [
            ("struct S {}; __global__ void f(S s) {}", "f", "parameter `S s` is neither a number nor a pointer"),
            ("__global__ void f(float** x) {}", "f", "parameter `float** x` is neither a number nor a pointer"),
            ("template <class T> __global__ void f(T* x) {}", "f", "its template parameter `class T` has no value"),
            ("template <class T> __global__ void f(T* x) {}", "f<int, 3>", "1 template parameters, got 2"),
            ("__global__ void f() {}", "f<int>", "kernel 'f' is not a template"),
            (
                "__global__ void f() {\n__shared__ int x = 3;\n}",
                "f",
                "line 2: cannot understand `__shared__ int x = 3`",
            ),
            ("__global__ void f() {\n\n__shared__ int x[];\n}", "f", "line 3: cannot understand `__shared__ int x[]`"),
            ("__global__ void f() { extern __shared__ int x[4]; }", "f", "`extern` and `[]` go together"),
            ("__global__ void f() { __shared__ x; }", "f", "there is no type, or no name"),
            ("#define S __shared__ int\n__global__ void f() {}", "f", "line 1: __shared__ inside a macro"),
            ("__global__ void f() {}\nint main() { f<<<1, 1>>>(); }", "f", "line 2: launches from host code"),
        ],
    )
    def test_not_understood(self, text, name, what):
        with pytest.raises(ValueError, match=re.escape(what)):
            tc.cuda.compile(text, name)

    def test_options_must_be_a_list(self):
        with pytest.raises(TypeError, match="options must be a sequence of str"):
            tc.cuda.compile(SAXPY, "saxpy", options="-DX")

    @executor_only
    def test_no_compiler(self, monkeypatch):
        monkeypatch.setenv("CXX", "/no/such/compiler")
        with pytest.raises(RuntimeError, match="that CXX names was not found: '/no/such/compiler'"):
            tc.cuda.compile(SAXPY, "saxpy")
        monkeypatch.delenv("CXX")
        monkeypatch.setenv("PATH", "")
        with pytest.raises(RuntimeError, match=r"needs a C\+\+20 compiler"):
            tc.cuda.compile(SAXPY, "saxpy")

    @executor_only
    def test_cache(self, monkeypatch, tmp_path):
        monkeypatch.setenv("TENSORCORE_CACHE", str(tmp_path / "cache"))
        toolchain.cache_directory.cache_clear()
        try:
            tc.cuda.compile(SAXPY, "saxpy")
            assert [p.suffix for p in (tmp_path / "cache").iterdir()] == [".so"]
            monkeypatch.setattr(toolchain, "run_compiler", lambda *_: pytest.fail("compiled again"))
            tc.cuda.compile(SAXPY, "saxpy")
            with pytest.raises(pytest.fail.Exception):
                tc.cuda.compile(SAXPY, "saxpy", options=["-DX"])
        finally:
            toolchain.cache_directory.cache_clear()


@executor_only
class TestTraps:
    """What would end the process ends the launch."""

    TEXT = """
    __device__ int deep(int* x, int n) {
      int pad[512];
      for (int i = 0; i < 512; ++i) pad[i] = x[0] + i;
      return n == pad[n & 511] ? pad[0] : deep(x, n + 1) + pad[3];
    }
    __global__ void wild(long long address, float* y) {
      y[threadIdx.x] = *(float*)address;
    }
    __global__ void divides(int by, int* y) {
      *y = 7 / by;
    }
    __global__ void recurses(int* x, int* y) { *y = deep(x, 0); }
    __global__ void asserts(int* y) {
      assert(y[0] == 1);
    }
    """

    @pytest.mark.parametrize(
        ("name", "arguments", "what"),
        [
            ("wild", (16, None), "thread (0, 0, 0), at kernel.cu:8"),
            ("divides", (0, "y"), "a division of integers by zero, in kernel 'divides', block (0, 0, 0)"),
            ("recurses", ("y", "y"), "stack overflow: the variables of a thread may have 256 KiB"),
            (
                "asserts",
                ("y",),
                "assertion failed: y[0] == 1, in kernel 'asserts', block (0, 0, 0), thread (0, 0, 0), at",
            ),
        ],
    )
    def test_launch_ends(self, name, arguments, what):
        kernel = tc.cuda.compile(self.TEXT, name)
        for _ in range(2):
            y = cuda([-1], "int32")
            with pytest.raises(RuntimeError) as caught:
                kernel(1, 32, *(y if a == "y" else a for a in arguments))
            assert what in str(caught.value), caught.value
        if name == "wild" and _core.cuda_backend() == "simt":
            assert "an access to no memory, address 0x10 (TENSORCORE_CUDA=simt-check says which" in str(caught.value)

    def test_many_threads(self):
        kernel = tc.cuda.compile(self.TEXT, "wild")
        with pytest.raises(RuntimeError, match=r"simt: .*in kernel 'wild'"):
            kernel(4096, 128, 16, None)

    def test_other_faults_end_the_process(self):
        code = (
            "import ctypes, faulthandler, tensorcore as tc; faulthandler.enable()\n"
            "k = tc.cuda.compile('__global__ void f(int* y) { *y = 1; }', 'f')\n"
            "k(1, 1, tc.zeros(1, dtype=tc.int32, device='cuda')); print('launched', flush=True); ctypes.string_at(0)"
        )
        done = run(code, TENSORCORE_CUDA="simt")
        assert done.stdout == "launched\n"
        assert done.returncode == -11
        assert "Fatal Python error: Segmentation fault" in done.stderr


@executor_only
class TestOrders:
    """The executor's freedom: order of threads and time of copies. Sound kernels cannot tell."""

    TEXT = """
    #include <cuda_pipeline.h>
    __global__ void sound(const float* x, float* y, int tiles) {
      __shared__ alignas(16) float s[2][256];
      int i = threadIdx.x;
      float sum = 0;
      __pipeline_memcpy_async(&s[0][4 * i], &x[4 * i], 16);
      __pipeline_commit();
      for (int t = 0; t < tiles; ++t) {
        if (t + 1 < tiles) __pipeline_memcpy_async(&s[(t + 1) & 1][4 * i], &x[256 * (t + 1) + 4 * i], 16);
        __pipeline_commit();
        __pipeline_wait_prior(1);
        __syncthreads();
        for (int k = 0; k < 4; ++k) sum = sum * 0.5f + s[t & 1][255 - (i + 64 * k)];
        __syncthreads();
      }
      for (int d = 16; d > 0; d /= 2) sum += __shfl_down_sync(0xffffffff, sum, d);
      y[blockIdx.x * blockDim.x + i] = sum;
    }
    __global__ void no_barrier(const float* x, float* y, int tiles) {
      __shared__ float s[64];
      int i = threadIdx.x;
      s[i] = 0;
      __syncthreads();
      s[i] = x[i];
      y[i] = s[63 - i];
    }
    __global__ void no_wait(const float* x, float* y, int tiles) {
      __shared__ float s[64];
      int i = threadIdx.x;
      __pipeline_memcpy_async(&s[i], &x[i], 4);
      __pipeline_commit();
      y[i] = s[i];
      __pipeline_wait_prior(0);
    }
    """
    SETTINGS = tuple(
        (o, a, s) for o in ("forward", "reverse", "random") for a in ("eager", "late", "random") for s in (0, 1)
    )

    def results(self, name, text=TEXT):
        kernel = tc.cuda.compile(text, name)
        x = cuda(np.random.default_rng(0).standard_normal(256 * 6))
        out = []
        for order, copies, seed in self.SETTINGS:
            y = cuda(np.zeros(64))
            with tc.cuda.simt_settings(order=order, async_copies=copies, seed=seed):
                kernel(1, 64, x, y, 6)
            out.append(y.to("cpu").tolist())
        return {repr(values) for values in out}

    def test_a_sound_kernel_gives_one_result(self):
        assert len(self.results("sound")) == 1

    @pytest.mark.skipif(_core.cuda_backend() != "simt", reason="the checked executor refuses it")
    @pytest.mark.parametrize("name", ["no_barrier", "no_wait"])
    def test_a_broken_kernel_gives_several(self, name):
        assert len(self.results(name)) > 1

    def test_blocks_that_wait_for_earlier_blocks(self):
        text = """
        __global__ void chain(int* flags, float* y) {
          if (threadIdx.x == 0) {
            if (blockIdx.x > 0) while (atomicAdd(&flags[blockIdx.x - 1], 0) == 0) {}
            __threadfence();
            y[blockIdx.x] = blockIdx.x == 0 ? 1 : y[blockIdx.x - 1] + 1;
            __threadfence();
            atomicExch(&flags[blockIdx.x], 1);
          }
          __syncthreads();
        }"""
        y = cuda(np.zeros(500))
        tc.cuda.compile(text, "chain")(500, 64, cuda(np.zeros(500), "int32"), y)
        assert np.array_equal(host(y), np.arange(500) + 1)


class TestReader:
    """The reader of sources, by itself."""

    def test_lines_stay(self):
        text = (Path(__file__).with_name("faults.cu")).read_text()
        new = source.read(text).rewritten()
        assert new.count("\n") == text.count("\n")
        for before, after in zip(text.split("\n"), new.split("\n"), strict=True):
            assert before == after or "__shared__" in before

    def test_kernels(self):
        text = """
        using T2 = unsigned int;
        template <class T, int N = 4> __global__ void __launch_bounds__(256, 2) a(const T* __restrict__ x, T y[]) {}
        static __global__ void b(T2 n = 3, float const* = nullptr, int) {}
        __global__ void declared_only(int x);
        __device__ void not_one(int x) {}
        namespace s::t { class C { void m() {} }; extern "C" __global__ void c(void) { if (true) { int x[] = {1, 2}; } } }
        """
        found = source.read(text).kernels
        assert [(k.qualified, [str(p) for p in k.parameters]) for k in found] == [
            ("a", ["const T* x", "T* y"]),
            ("b", ["T2 n", "float const*", "int"]),
            ("s::t::c", []),
        ]

    def test_raw_strings_and_continued_lines(self):
        text = 'auto s = R"x(__shared__ { " )x"; // { __shared__ \\\n still a comment {\n__global__ void f() {}\n'
        parsed = source.read(text)
        assert [k.name for k in parsed.kernels] == ["f"]
        assert parsed.rewritten() == text

    def test_installed_headers(self):
        assert (toolchain.include_directory() / "cuda" / "simt" / "user.h").is_file()


@pytest.mark.skipif(toolchain.find_nvcc() is None, reason="no nvcc")
class TestMachineCode:
    """The way to a GPU, as far as it goes without one."""

    def code(self, text, name, file="kernel.cu"):
        parsed = source.read(text)
        declared, arguments = compiler._choose(parsed, name)
        instance = declared.qualified + (f"<{arguments[0]}>" if arguments else "")
        image = driver_api._with_nvcc(
            toolchain.find_nvcc(), driver_api.gpu_source(parsed, instance, file), text, file, "sm_80", [], instance
        )
        return driver_api._entry(image, declared, instance)

    def test_symbols(self):
        text = """
        namespace s { extern "C" __global__ void plain(__half* h) {}
          template <class T, int N> __global__ void scale(T* x) {} static __global__ void cale(int* p) {} }
        """
        assert self.code(text, "plain") == b"plain"
        assert self.code(text, "s::scale<unsigned int, 3>") == b"_ZN1s5scaleIjLi3EEEvPT_"
        assert self.code(text, "cale") == b"_ZN1s4caleEPi"

    def test_faults_file(self):
        text = Path(__file__).with_name("faults.cu").read_text()
        assert b"read_past_end" in self.code(text, "read_past_end")

    def test_errors(self):
        with pytest.raises(RuntimeError, match=r"nvcc says\nkernel.cu\(2\): error"):
            self.code("__global__ void f(int* x) {\n  x[0] = y;\n}", "f")


def test_signature():
    assert str(inspect.signature(tc.cuda.compile)).startswith("(source: ")
    assert shutil.which("g++") is None or toolchain.host_compiler()


def test_block_index_inside_a_chosen_pointers_index():
    """g++ 12 loses the index's first term here when blockIdx is an object returned by value."""
    source = """
__global__ void mark(float* a, float* b, long long stride, bool first) {
  (first ? a : b)[blockIdx.y * stride + threadIdx.x] = blockIdx.y + 1;
}
"""
    kernel = tc.cuda.compile(source, "mark")
    a, b = tc.zeros(6, device="cuda"), tc.zeros(6, device="cuda")
    kernel((1, 3), 2, a, b, 2, True)
    kernel((1, 3), 2, a, b, 2, False)
    assert a.tolist() == b.tolist() == [1, 1, 2, 2, 3, 3]
