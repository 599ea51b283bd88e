"""tensorcore: NumPy-like tensors, autograd and neural networks on hand-written CPU and CUDA kernels."""

from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

from . import (
    autograd,
    cuda,
    printing,
    random,
    testing,
)
from ._core import (
    Device,
    DType,
    __version__,
    bfloat16,
    bool,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
)
from .autograd import enable_grad, is_grad_enabled, no_grad, value_and_grad
from .autograd import grad_of as grad
from .ops.creation import *
from .ops.dtype import *
from .ops.einsum import *
from .ops.elementwise import *
from .ops.exchange import *
from .ops.index import *
from .ops.linalg import *
from .ops.random import Generator, manual_seed
from .ops.reduce import *
from .ops.scan import *
from .ops.search import *
from .ops.set import *
from .ops.shape import *
from .ops.sort import *
from .runtime import *
from .tensor import Tensor

if _TYPE_CHECKING:
    from . import data, models, nn, optim, train
    from .nn.summary import summary
    from .serialize import load, load_metadata, save

__array_api_version__ = "2024.12"
SUPPORTED_API_VERSIONS = ("2021.12", "2022.12", "2023.12", "2024.12")

# What many programs do without, and the modules it is or is in: imported when first asked for.
_ON_DEMAND = {
    **{name: f".{name}" for name in ("data", "models", "nn", "optim", "train")},
    **dict.fromkeys(("load", "load_metadata", "save"), ".serialize"),
    "summary": ".nn.summary",
}


def __getattr__(name: str) -> _Any:
    if name in _ON_DEMAND:
        import importlib

        module = importlib.import_module(_ON_DEMAND[name], __name__)
        value = module if _ON_DEMAND[name] == f".{name}" else getattr(module, name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_ON_DEMAND})
