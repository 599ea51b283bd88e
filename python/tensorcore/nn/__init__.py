"""Neural networks: `Module` and the layers, containers and losses made of it, over the functions of `functional`.

The layers are read from their files when one is first asked for, so that `import tensorcore` stays quick.
"""

from typing import TYPE_CHECKING, Any

from . import functional

if TYPE_CHECKING:
    from . import init, utils
    from .layers import *

_MODULES = ("init", "utils")


def __getattr__(name: str) -> Any:
    if name.startswith("__") and name != "__all__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    if name in _MODULES:
        return import_module(f".{name}", __name__)
    layers = import_module(".layers", __name__)
    names = [n for n in vars(layers) if n[0].isupper()]
    globals().update({n: getattr(layers, n) for n in names})
    globals()["__all__"] = ["functional", *_MODULES, *names]
    if name in globals():
        return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__getattr__("__all__"), *_MODULES})
