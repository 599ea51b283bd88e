"""`tc.summary`: what a model consists of, layer by layer, measured in one pass with hooks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .. import _core
from ..autograd import no_grad
from ..ops.creation import zeros
from ..tensor import Tensor

if TYPE_CHECKING:
    from .module import Module


@dataclass
class Layer:
    """One line of a summary: a module and one call of it."""

    name: str  # dotted, "" for the model itself
    kind: str  # its class
    depth: int
    output_shape: Any  # a shape, or a tuple of them; None for a module that was not called
    parameters: int  # elements, its own only; shared ones count where they come first
    trainable: int
    multiply_adds: int  # of this call, its own only
    activation_bytes: int  # of the tensors this call returned


@dataclass
class Summary:
    """Figures of a model; `str()` and `print` give them as a table."""

    layers: list[Layer] = field(default_factory=list)
    parameters: int = 0  # elements
    trainable_parameters: int = 0
    parameter_bytes: int = 0
    buffer_bytes: int = 0
    multiply_adds: int = 0  # of one forward pass over the given input
    activation_bytes: int = 0  # outputs of all layers without layers below them: what training keeps, roughly
    input_shape: Any = None

    def __str__(self) -> str:
        return _text(self)

    def __repr__(self) -> str:
        return _text(self)


def summary(model: Module, input: Any, *, device: Any = None, dtype: Any = None) -> Summary:
    """Layers of `model` with output shapes, parameters, multiply-adds and memory, for one forward pass.

    `input` is what the model is called with: a Tensor, a tuple of arguments, or a shape (a tuple of ints, batch axis
    included) for zeros of `dtype` (float32) on `device`, by default those of the first parameter. The pass runs in
    evaluation mode, unrecorded, and leaves the model as it was. A module that is called several times has a line for
    each call; one that is not called has a line without a shape. Multiply-adds are counted for products: linear and
    bilinear layers, convolutions, recurrent layers, attention. TypeError unless `model` is an nn.Module.

    >>> print(tc.summary(nn.Sequential(nn.Linear(4, 8), nn.ReLU()), (1, 4)).parameters)
    40
    """
    from .module import Module

    if not isinstance(model, Module):
        raise TypeError(f"summary: model must be an nn.Module, got {type(model).__name__}")
    args = _arguments(model, input, device, dtype)
    result = Summary(input_shape=_shapes(args[0]) if len(args) == 1 else tuple(_shapes(x) for x in args))
    named = list(model.named_modules())
    own = _own_parameters(named)
    result.parameters = sum(n for n, _ in own.values())
    result.trainable_parameters = sum(n for _, n in own.values())
    result.parameter_bytes = sum(p.nbytes for p in model.parameters())
    result.buffer_bytes = sum(b.nbytes for b in model.buffers())
    called: set[int] = set()
    open_lines: list[Layer] = []
    handles = []

    def line(name: str, module: Any) -> Layer:
        first = id(module) not in called
        parameters, trainable = own[id(module)] if first else (0, 0)
        return Layer(name, type(module).__name__, name.count(".") + bool(name), None, parameters, trainable, 0, 0)

    def before(name: str) -> Callable[..., None]:
        def hook(module: Any, args: Any) -> None:
            entry = line(name, module)
            called.add(id(module))
            result.layers.append(entry)
            open_lines.append(entry)

        return hook

    def after(module: Any, args: Any, kwargs: Any, output: Any) -> None:
        entry = open_lines.pop()
        tensors = _tensors(output)
        entry.output_shape = _shapes(output)
        entry.activation_bytes = sum(x.nbytes for x in tensors)
        entry.multiply_adds = _multiply_adds(module, args, kwargs, tensors)
        result.multiply_adds += entry.multiply_adds
        if not module._modules:
            result.activation_bytes += entry.activation_bytes

    modes = [(module, module.training) for _, module in named]
    try:
        for name, module in named:
            handles.append(module.register_forward_pre_hook(before(name)))
            handles.append(module.register_forward_hook(after, with_kwargs=True))
        model.eval()
        with no_grad():
            model(*args)
    finally:
        for handle in handles:
            handle.remove()
        for module, mode in modes:
            module.training = mode
    result.layers += [line(name, module) for name, module in named if id(module) not in called]
    return result


def _arguments(model: Any, input: Any, device: Any, dtype: Any) -> tuple[Any, ...]:
    if isinstance(input, Tensor):
        return (input,)
    if not isinstance(input, (tuple, list)) or not input:
        raise TypeError(f"summary: input must be a Tensor, a shape or a tuple of arguments, got {type(input).__name__}")
    if not all(type(n) is int for n in input):
        return tuple(input)
    first = next(iter(model.parameters()), None)
    device = device if device is not None or first is None else first.device
    if dtype is None:
        dtype = _core.float32 if first is None else first.dtype
    return (zeros(tuple(input), dtype=dtype, device=device),)


def _own_parameters(named: Sequence[tuple[str, Any]]) -> dict[int, tuple[int, int]]:
    """Elements, and elements learned, that belong to each module itself; shared ones to the first."""
    seen: set[int] = set()
    out = {}
    for _, module in named:
        mine = [p for p in module._parameters.values() if p is not None and id(p) not in seen]
        seen.update(map(id, mine))
        out[id(module)] = sum(p.size for p in mine), sum(p.size for p in mine if p.requires_grad)
    return out


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [x for v in value for x in _tensors(v)] if isinstance(value, (tuple, list)) else []


def _shapes(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.shape
    if isinstance(value, dict):
        value = tuple(value.values())
    if isinstance(value, (tuple, list)):
        return tuple(_shapes(v) for v in value if isinstance(v, (Tensor, tuple, list, dict)))
    return None


def _multiply_adds(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], outputs: list[Tensor]) -> int:
    """Products of numbers in one call of `module` itself, by its kind."""
    from . import attention, conv, linear, recurrent

    if not outputs:
        return 0
    y = outputs[0]
    if isinstance(module, linear.Linear):
        return y.size * module.in_features
    if isinstance(module, linear.Bilinear):
        return y.size * module.in2_features * (module.in1_features + 1)
    if isinstance(module, conv._Conv):
        through = args[0] if module.transposed else y  # each element meets one kernel of each channel of its group
        return through.size * math.prod(module.weight.shape[1:])
    if isinstance(module, (recurrent.RNNBase, recurrent.RNNCellBase)):
        x = args[0].data if hasattr(args[0], "batch_sizes") else args[0]
        rows = x.size // max(x.shape[-1], 1)
        return rows * sum(p.size for n, p in module.named_parameters(recurse=False) if n.startswith("weight"))
    if isinstance(module, attention.MultiheadAttention):
        given = [*args, *(kwargs[n] for n in ("query", "key", "value") if n in kwargs)][:3]
        q, k, v = given
        batch = 1 if q.ndim == 2 else q.shape[0 if module.batch_first else 1]
        e = module.embed_dim
        steps = q.size // (batch * e), k.size // (batch * module.kdim)
        projections = q.size * e + (k.size + v.size) * e
        return projections + 2 * batch * steps[0] * steps[1] * e
    return 0


_UNITS = (("", 1), ("K", 1_000), ("M", 1_000_000), ("G", 1_000_000_000), ("T", 1_000_000_000_000))


def _bytes(n: int) -> str:
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if n >= size:
            return f"{n / size:.2f} {unit}"
    return f"{n} B"


def _count(n: int) -> str:
    unit, size = next((u, s) for u, s in reversed(_UNITS) if n >= s or s == 1)
    return f"{n / size:.3g} {unit}".strip() if size > 1 else str(n)


def _text(result: Summary) -> str:
    from io import StringIO

    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("layer", no_wrap=True)
    table.add_column("output", no_wrap=True)
    for title in ("parameters", "multiply-adds", "activations"):
        table.add_column(title, justify="right", no_wrap=True)
    for layer in result.layers:
        name = layer.name.rpartition(".")[2]
        table.add_row(
            "  " * layer.depth + (f"{name}: {layer.kind}" if name else layer.kind),
            "-" if layer.output_shape is None else str(layer.output_shape),
            f"{layer.parameters:,}" if layer.parameters else "-",
            f"{layer.multiply_adds:,}" if layer.multiply_adds else "-",
            _bytes(layer.activation_bytes) if layer.activation_bytes else "-",
        )
    frozen = result.parameters - result.trainable_parameters
    out = StringIO()
    Console(file=out, width=1000, color_system=None).print(table, end="")
    lines = [
        *(text.rstrip() for text in out.getvalue().splitlines()),
        f"input                {result.input_shape}",
        f"parameters           {result.parameters:,}" + (f", {frozen:,} of them frozen" if frozen else ""),
        f"multiply-adds        {_count(result.multiply_adds)}",
        f"memory: parameters   {_bytes(result.parameter_bytes)}",
        f"memory: buffers      {_bytes(result.buffer_bytes)}",
        f"memory: activations  {_bytes(result.activation_bytes)}",
    ]
    return "\n".join(lines).strip("\n")


__all__ = ["Layer", "Summary", "summary"]
