"""The frameworks that the GPU benchmarks time, behind one interface: uploads, events, precision of products."""

from __future__ import annotations

import time
from typing import Any


class Tensorcore:
    """tensorcore on a CUDA device."""

    name = "tc"

    def __init__(self, device: str = "cuda"):
        import tensorcore

        self.lib: Any = tensorcore
        self.device = device
        self.version = tensorcore._core.__version__

    def upload(self, array: Any, dtype: str) -> Any:
        """A NumPy array (float32 or integers) on the device, converted there."""
        x = self.lib.asarray(array).to(self.device)
        return x if str(array.dtype) == dtype else x.astype(getattr(self.lib, dtype))

    def copy(self, x: Any) -> Any:
        """The same values in other memory."""
        return self.lib.asarray(x, copy=True)

    def download(self, x: Any) -> Any:
        """Elements as NumPy float64 (integers as they are)."""
        from .. import testing

        return testing.to_float64(x)

    def set_precision(self, precision: str) -> str:
        """Choose how float32 products are computed; returns what is used."""
        self.lib._core.set_matmul_precision(precision)
        return precision

    def event(self) -> Any:
        """An event with timing."""
        return self.lib.cuda.Event(timing=True)

    def seconds(self, start: Any, end: Any) -> float:
        """Seconds between two recorded events; waits for the second."""
        end.synchronize()
        return float(start.elapsed_time(end)) * 1e-3

    def synchronize(self) -> None:
        """Wait for the device."""
        self.lib.cuda.synchronize()

    def release(self) -> None:
        """Give memory kept for reuse back, so that the other framework can have it."""
        self.lib.cuda.empty_cache()


class _Clock:
    """Stands for an event on a device that works while its caller waits."""

    def record(self) -> None:
        self.at = time.perf_counter()


class Torch:
    """PyTorch: cuBLAS and cuDNN at their best settings, with the precision of float32 products that is asked for."""

    name = "torch"

    def __init__(self, device: str = "cuda"):
        import torch

        self.lib: Any = torch
        self.device = device
        self.version = str(torch.__version__)
        self.on_gpu = device.startswith("cuda")
        torch.backends.cudnn.benchmark = True

    def upload(self, array: Any, dtype: str) -> Any:
        """A NumPy array (float32 or integers) on the device, converted there."""
        x = self.lib.from_numpy(array).to(self.device, copy=True)
        return x if str(array.dtype) == dtype else x.to(getattr(self.lib, dtype))

    def copy(self, x: Any) -> Any:
        """The same values in other memory."""
        return x.detach().clone()

    def download(self, x: Any) -> Any:
        """Elements as NumPy float64 (integers as they are)."""
        x = x.detach()
        return (x.double() if x.is_floating_point() else x).cpu().numpy()

    def set_precision(self, precision: str) -> str:
        """Choose how float32 products are computed; PyTorch has no 3xtf32, it is compared in full precision."""
        used = "tf32" if precision == "tf32" else "ieee"
        matmul, cudnn = self.lib.backends.cuda.matmul, self.lib.backends.cudnn
        if hasattr(matmul, "fp32_precision"):
            matmul.fp32_precision = used
        else:
            matmul.allow_tf32 = cudnn.allow_tf32 = used == "tf32"
        return used

    def event(self) -> Any:
        """An event with timing."""
        return self.lib.cuda.Event(enable_timing=True) if self.on_gpu else _Clock()

    def seconds(self, start: Any, end: Any) -> float:
        """Seconds between two recorded events; waits for the second."""
        if not self.on_gpu:
            return float(end.at - start.at)
        end.synchronize()
        return float(start.elapsed_time(end)) * 1e-3

    def synchronize(self) -> None:
        """Wait for the device."""
        if self.on_gpu:
            self.lib.cuda.synchronize()

    def release(self) -> None:
        """Give memory kept for reuse back, so that the other framework can have it."""
        if self.on_gpu:
            self.lib.cuda.empty_cache()
