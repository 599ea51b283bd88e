"""Loading a state dict: everything is looked at first, and only a state that fits changes the module."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from .. import _core
from ..autograd import no_grad
from ..ops.creation import asarray
from ..tensor import Tensor
from .parameter import is_lazy


class IncompatibleKeys(NamedTuple):
    """Keys a load with strict=False left alone: missing in the state, and unexpected by the module."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


def load_state(module: Any, state_dict: Mapping[str, Any], strict: bool, assign: bool) -> IncompatibleKeys:
    """What `Module.load_state_dict` does."""
    if not isinstance(state_dict, Mapping):
        raise TypeError(f"load_state_dict: state_dict must be a mapping, got {type(state_dict).__name__}")
    state = dict(state_dict)
    owners = list(module.named_modules(remove_duplicate=False))
    for path, owner in owners:
        for hook in tuple(owner._load_state_dict_pre_hooks.values()):
            hook(owner, state, f"{path}." if path else "")
    targets = _targets(owners)
    extras = {f"{path}._extra_state" if path else "_extra_state": owner for path, owner in owners}
    missing = [key for key in targets if key not in state]
    missing += [k for k, o in extras.items() if k not in state and o.get_extra_state() is not None]
    unexpected = [k for k in state if k not in targets and (k not in extras or extras[k].get_extra_state() is None)]
    faults = []
    values: list[tuple[Any, Tensor]] = []
    for key, target in targets.items():
        if key not in state:
            continue
        try:
            value = _as_tensor(state[key])
        except (TypeError, ValueError, RuntimeError, BufferError, OverflowError) as error:
            faults.append(f"{key}: {error}")
            continue
        if not is_lazy(target) and value.shape != target.shape:
            faults.append(f"{key}: shape {value.shape} in the state, {target.shape} in the module")
        elif not assign:
            values.append((target, value.to(target.device, target.dtype)))
        elif target.requires_grad and value.dtype.kind != "float":
            faults.append(f"{key}: dtype {value.dtype.name} cannot be learned, the module's is {target.dtype.name}")
        else:
            values.append((target, value))
    if strict:
        faults = [
            *([f"missing keys: {', '.join(map(repr, missing))}"] if missing else []),
            *([f"unexpected keys: {', '.join(map(repr, unexpected))}"] if unexpected else []),
            *faults,
        ]
    if faults:
        listed = "\n  ".join(faults)
        raise RuntimeError(
            f"load_state_dict: the state does not fit {type(module).__name__}, nothing was changed:\n  {listed}"
        )
    with no_grad():
        for target, value in values:
            if is_lazy(target):
                target.materialize(value.shape)
            if assign:
                _core.set_data(target, value)
            else:
                target[...] = value
    for key, owner in extras.items():
        if key in state and owner.get_extra_state() is not None:
            owner.set_extra_state(state[key])
    return IncompatibleKeys(missing, unexpected)


def _targets(owners: list[tuple[str, Any]]) -> dict[str, Tensor]:
    """Every tensor a state dict of these modules holds, by its key, in the order of a state dict."""
    found = {}
    for path, owner in owners:
        persistent = {n: b for n, b in owner._buffers.items() if n not in owner._transient}
        for name, value in {**owner._parameters, **persistent}.items():
            if value is not None:
                found[f"{path}.{name}" if path else name] = value
    return found


def _as_tensor(value: Any) -> Tensor:
    """A tensor, array or number of any library as a plain tensor without history."""
    if not isinstance(value, Tensor) and getattr(value, "requires_grad", False):
        value = value.detach()  # another library's parameter, which it would not export
    return asarray(value).detach()


__all__ = ["IncompatibleKeys", "load_state"]
