"""Neural-network functions with PyTorch's names; axes are spelled `axis` and `keepdims` as in `tc`.

What has kernels is read with the package; what is composed of it, when first asked for.
"""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

from .activation import *
from .attention import *
from .conv import *
from .dropout import *
from .embedding import *
from .linear import *
from .loss import *
from .norm import *
from .pool import *
from .recurrent import *
from .softmax import *

if _TYPE_CHECKING:
    from .distance import *
    from .folding import *
    from .margin_loss import *
    from .padding import *
    from .resize import *
    from .shrink import *
    from .unpool import *

_COMPOSED = ("distance", "folding", "margin_loss", "padding", "resize", "shrink", "unpool")


def _read() -> None:
    for name in _COMPOSED:
        module = _import_module(f".{name}", __name__)
        globals().update({n: getattr(module, n) for n in module.__all__})


def __getattr__(name: str) -> _Any:
    if not name.startswith("_"):
        _read()
        if name in globals():
            return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    _read()
    return sorted(globals())
