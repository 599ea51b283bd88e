"""tensorcore: NumPy-like tensors, autograd and neural networks on hand-written CPU and CUDA kernels."""

from ._core import DType, Device, __version__  # noqa: F401
from ._core import bfloat16, bool, float16, float32, float64, int8, int16, int32, int64, uint8  # noqa: A004, F401
from . import autograd  # noqa: F401
from .autograd import enable_grad, grad_of as grad, is_grad_enabled, no_grad, value_and_grad  # noqa: F401
from .tensor import Tensor  # noqa: F401
from .ops.creation import *  # noqa: F403
from .ops.dtype import *  # noqa: F403
from .ops.einsum import *  # noqa: F403
from .ops.elementwise import *  # noqa: F403
from .ops.exchange import *  # noqa: F403
from .ops.index import *  # noqa: F403
from .ops.linalg import *  # noqa: F403
from .ops.random import Generator, manual_seed  # noqa: F401
from .ops.reduce import *  # noqa: F403
from .ops.scan import *  # noqa: F403
from .ops.search import *  # noqa: F403
from .ops.set import *  # noqa: F403
from .ops.shape import *  # noqa: F403
from .ops.sort import *  # noqa: F403
from .runtime import *  # noqa: F403
from . import data, nn, printing, random, testing  # noqa: F401

__array_api_version__ = "2024.12"
SUPPORTED_API_VERSIONS = ("2021.12", "2022.12", "2023.12", "2024.12")
