"""Recurrent layers over whole sequences, and their single steps."""

from __future__ import annotations

from typing import Any, ClassVar

from ..ops.creation import zeros
from ..tensor import Tensor
from . import functional as F
from . import init
from .checks import check_share, check_sizes
from .functional.recurrent import _cell
from .linear import new_parameter
from .module import Module
from .parameter import Parameter
from .utils.rnn import PackedSequence, pack_like, unpack


class RNNBase(Module):
    """What `RNN`, `LSTM` and `GRU` share: parameters, batches without an axis, packed sequences."""

    gates: ClassVar[int] = 1
    states: ClassVar[int] = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        name = type(self).__name__
        check_sizes(name, input_size=input_size)
        check_sizes(name, 1, hidden_size=hidden_size, num_layers=num_layers)
        check_share(name, dropout=dropout)
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout, self.bidirectional = bias, batch_first, float(dropout), bidirectional
        self._names: list[str] = []
        rows = self.gates * hidden_size
        directions = ("", "_reverse") if bidirectional else ("",)
        for layer in range(num_layers):
            width = input_size if layer == 0 else hidden_size * len(directions)
            shapes = {"weight_ih": (rows, width), "weight_hh": (rows, hidden_size)}
            if bias:
                shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}  # type: ignore[dict-item]
            for direction in directions:
                for key, shape in shapes.items():
                    self._names.append(f"{key}_l{layer}{direction}")
                    self.register_parameter(self._names[-1], new_parameter(shape, device, dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew, uniform in ±1/√hidden_size."""
        bound = self.hidden_size**-0.5
        for p in self.parameters():
            init.uniform_(p, -bound, bound)

    @property
    def all_weights(self) -> list[Parameter]:
        """The parameters in the order `F.lstm` takes them."""
        return [getattr(self, name) for name in self._names]

    def _call(self, x: Tensor, states: tuple[Tensor, ...], **settings: Any) -> tuple[Tensor, tuple[Tensor, ...]]:
        raise TypeError(f"{type(self).__name__}: use RNN, LSTM or GRU")

    def forward(self, x: Any, hx: Any = None, lengths: Any = None) -> Any:
        """(T, B, input_size) to ((T, B, D·hidden_size), state); (B, T, …) with `batch_first`.

        The batch axis may be missing. A state is (layers·D, B, hidden_size), zeros unless given. `lengths` (B,) says
        how many steps of each row count: later outputs are 0, and the state is that of the last step. A
        `PackedSequence` gives one, with its states in the order of its original rows.
        """
        name = type(self).__name__
        packed = x if isinstance(x, PackedSequence) else None
        batch_first = self.batch_first and packed is None
        if packed is not None:
            x, lengths = unpack(packed)
        if not isinstance(x, Tensor) or x.ndim not in (2, 3) or x.shape[-1] != self.input_size:
            got = f"shape {x.shape}" if isinstance(x, Tensor) else type(x).__name__
            raise ValueError(f"{name}: x must have 2 or 3 axes, the last of extent {self.input_size}, got {got}")
        batched = x.ndim == 3
        if not batched:
            x = x.reshape((1, *x.shape) if batch_first else (x.shape[0], 1, x.shape[1]))
        count = x.shape[0] if batch_first else x.shape[1]
        if hx is None:
            shape = (self.num_layers * (2 if self.bidirectional else 1), count, self.hidden_size)
            states = (zeros(shape, dtype=x.dtype, device=x.device),) * self.states
        else:
            states = tuple(hx) if self.states > 1 else (hx,)
            if len(states) != self.states or not all(isinstance(s, Tensor) for s in states):
                raise TypeError(f"{name}: hx must be {'a Tensor' if self.states == 1 else 'a pair of Tensors'}")
            if not batched and all(s.ndim == 2 for s in states):
                states = tuple(s.reshape((s.shape[0], 1, s.shape[1])) for s in states)
        y, final = self._call(
            x,
            states,
            num_layers=self.num_layers,
            bidirectional=self.bidirectional,
            batch_first=batch_first,
            dropout=self.dropout,
            training=self.training,
            lengths=lengths,
        )
        if packed is not None:
            return pack_like(y, packed), final if self.states > 1 else final[0]
        if not batched:
            y = y.reshape((y.shape[0] * y.shape[1], y.shape[2]))
            final = tuple(s.reshape((s.shape[0], s.shape[2])) for s in final)
        return y, final if self.states > 1 else final[0]

    def extra_repr(self) -> str:
        """The settings that are not the usual ones."""
        text = f"{self.input_size}, {self.hidden_size}"
        usual = {"num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0, "bidirectional": False}
        return text + "".join(f", {n}={getattr(self, n)}" for n, v in usual.items() if getattr(self, n) != v)


class RNN(RNNBase):
    """Elman's recurrent network, `F.rnn`; `nonlinearity` is 'tanh' or 'relu'. Otherwise as `LSTM`, with one state."""

    gates = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
    ):
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"RNN: nonlinearity must be 'tanh' or 'relu', got {nonlinearity!r}")
        super().__init__(input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, device, dtype)
        self.nonlinearity = nonlinearity

    def _call(self, x: Tensor, states: tuple[Tensor, ...], **settings: Any) -> tuple[Tensor, tuple[Tensor, ...]]:
        y, h = F.rnn(x, states[0], self.all_weights, nonlinearity=self.nonlinearity, **settings)
        return y, (h,)


class LSTM(RNNBase):
    """Long short-term memory over whole sequences, `F.lstm`: `num_layers` layers, each in one or both directions.

    Parameters are named as PyTorch's: weight_ih_l0 (4·hidden_size, input_size), weight_hh_l0 (4·hidden_size,
    hidden_size), bias_ih_l0, bias_hh_l0 (4·hidden_size,), the next layer _l1, the other direction _reverse; the gates
    come in the order i, f, g, o. All start uniform in ±1/√hidden_size. `dropout` acts between layers while training.
    ValueError on settings out of range. Source: Hochreiter and Schmidhuber 1997.

    >>> y, (h, c) = nn.LSTM(10, 20, num_layers=2)(tc.ones((5, 3, 10)))
    >>> y.shape, h.shape
    ((5, 3, 20), (2, 3, 20))
    """

    gates = 4
    states = 2

    def _call(self, x: Tensor, states: tuple[Tensor, ...], **settings: Any) -> tuple[Tensor, tuple[Tensor, ...]]:
        return F.lstm(x, (states[0], states[1]), self.all_weights, **settings)


class GRU(RNNBase):
    """Gated recurrent units, `F.gru`; gates in the order r, z, n. Otherwise as `LSTM`, with one state."""

    gates = 3

    def _call(self, x: Tensor, states: tuple[Tensor, ...], **settings: Any) -> tuple[Tensor, tuple[Tensor, ...]]:
        y, h = F.gru(x, states[0], self.all_weights, **settings)
        return y, (h,)


class RNNCellBase(Module):
    """What the cells share."""

    gates: ClassVar[int] = 1
    kind: str

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None):
        super().__init__()
        check_sizes(type(self).__name__, input_size=input_size, hidden_size=hidden_size)
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        rows = self.gates * hidden_size
        self.weight_ih = new_parameter((rows, input_size), device, dtype)
        self.weight_hh = new_parameter((rows, hidden_size), device, dtype)
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(name, new_parameter(rows, device, dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew, uniform in ±1/√hidden_size."""
        bound = self.hidden_size**-0.5 if self.hidden_size else 0.0
        for p in self.parameters():
            init.uniform_(p, -bound, bound)

    def _step(self, x: Any, states: list[Tensor | None]) -> list[Tensor]:
        name = type(self).__name__
        if not isinstance(x, Tensor) or x.ndim not in (1, 2) or x.shape[-1] != self.input_size:
            got = f"shape {x.shape}" if isinstance(x, Tensor) else type(x).__name__
            raise ValueError(f"{name}: x must be (B, {self.input_size}) or ({self.input_size},), got {got}")
        shape = (*x.shape[:-1], self.hidden_size)
        held = [zeros(shape, dtype=x.dtype, device=x.device) if s is None else s for s in states]
        for state in held:
            if not isinstance(state, Tensor) or state.shape != shape:
                raise ValueError(f"{name}: a state must have shape {shape}, got {getattr(state, 'shape', state)}")
        rows = [s.reshape((-1, s.shape[-1])) for s in (x, *held)]
        h, c = _cell(
            self.kind,
            F.linear(rows[0], self.weight_ih, self.bias_ih),
            rows[1],
            rows[2] if len(rows) > 2 else None,
            self.weight_hh,
            self.bias_hh,
        )
        return [s.reshape(shape) for s in (h, c) if s is not None]

    def extra_repr(self) -> str:
        """The settings that are not the usual ones."""
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else ", bias=False")


class RNNCell(RNNCellBase):
    """One step of `RNN`: (B, input_size) and the state (B, hidden_size), zeros unless given, give the next state.

    The batch axis may be missing. Parameters: weight_ih, weight_hh, bias_ih, bias_hh as those of `LSTM`.

    >>> nn.RNNCell(10, 20)(tc.ones((3, 10))).shape
    (3, 20)
    """

    gates = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ):
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"RNNCell: nonlinearity must be 'tanh' or 'relu', got {nonlinearity!r}")
        super().__init__(input_size, hidden_size, bias, device, dtype)
        self.nonlinearity, self.kind = nonlinearity, f"rnn_{nonlinearity}"

    def forward(self, x: Tensor, hx: Tensor | None = None) -> Tensor:
        """The next state."""
        return self._step(x, [hx])[0]

    def extra_repr(self) -> str:
        """The settings that are not the usual ones."""
        return super().extra_repr() + ("" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity}")


class GRUCell(RNNCellBase):
    """One step of `GRU`. Otherwise as `RNNCell`."""

    gates = 3
    kind = "gru"

    def forward(self, x: Tensor, hx: Tensor | None = None) -> Tensor:
        """The next state."""
        return self._step(x, [hx])[0]


class LSTMCell(RNNCellBase):
    """One step of `LSTM`: x and the pair (h, c) give the next pair. Otherwise as `RNNCell`."""

    gates = 4
    kind = "lstm"

    def forward(self, x: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """The next pair of states."""
        if hx is not None and (not isinstance(hx, (tuple, list)) or len(hx) != 2):
            raise TypeError(f"LSTMCell: hx must be a pair (h, c), got {type(hx).__name__}")
        h, c = self._step(x, [None, None] if hx is None else list(hx))
        return h, c


__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNBase", "RNNCell", "RNNCellBase"]
