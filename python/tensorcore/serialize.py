"""`tc.save` and `tc.load`: tensors, state dictionaries and nested values in safetensors files.

PyTorch, transformers and everything else that knows safetensors reads what `save` writes, and `load` reads theirs.
No code is ever run by loading: there is no pickle in it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

from . import _core
from .safetensors import File, check_path, parse_json, write_file
from .tensor import Tensor

_STRUCTURE = "tensorcore"  # the metadata entry that holds the structure of nested values
_VERSION = 1
_MAX_DEPTH = 64
_INDEX = "model.safetensors.index.json"
_WHOLE = "model.safetensors"


def save(value: Any, path: Any, metadata: Mapping[str, str] | None = None) -> None:
    """Write tensors to a safetensors file, atomically: whenever the process ends, `path` is the old file or the new.

    `value` is an `nn.Module` or anything else with `state_dict()`, a mapping of names to tensors, or a
    nested value of dicts, lists, tuples, tensors, numbers, texts and None, such as an optimizer's state;
    keys of dicts are texts, numbers, bools, None or tuples of them. Tensors may be of any dtype, device
    and layout; a tensor that occurs twice is written once. `metadata` maps texts to texts.

    Raises TypeError for values of other types, ValueError for values nested more than 64 deep and for
    reserved names, OSError where the file cannot be written.

    >>> tc.save({"weight": tc.ones((2, 2)), "bias": tc.zeros(2)}, "layer.safetensors")
    >>> tc.load("layer.safetensors")["bias"]
    tensor([0., 0.])
    """
    import json

    path = check_path(path, "save")
    texts = {"format": "pt", **_check_metadata(metadata)}
    if not isinstance(value, (Tensor, Mapping)) and callable(getattr(value, "state_dict", None)):
        value = value.state_dict()
    tensors: dict[str, Tensor] = {}
    if isinstance(value, Mapping) and all(isinstance(k, str) and isinstance(v, Tensor) for k, v in value.items()):
        tensors.update(value)
    else:
        tree = _Encoder(tensors).encode(value, "", 0)
        texts[_STRUCTURE] = json.dumps({"version": _VERSION, "value": tree}, separators=(",", ":"))
    write_file(path, tensors, texts)


def load(path: Any, device: Any = "cpu") -> Any:
    """What `save` wrote, or the tensors by name of any safetensors file, on `device`.

    `path` is a file, an index of several files (`model.safetensors.index.json`), or a folder with either.
    Every tensor is new memory and requires no grad. Raises ValueError, naming file and reason, for a
    file that is damaged or not safetensors, OSError where it cannot be read.

    >>> model.load_state_dict(tc.load("model.safetensors"))  # doctest: +SKIP
    """
    path = check_path(path, "load")
    place = _core.Device(device) if isinstance(device, str) else device
    if not isinstance(place, _core.Device):
        raise TypeError(f"load: device must be a name or a Device, got {type(device).__name__}")
    path = _find(path)
    if path.endswith(".index.json"):
        return _load_shards(path, place)
    with File(path) as file:
        tensors = {name: file.read(name).to(place) for name in file.entries}
        if _STRUCTURE not in file.metadata:
            return tensors
        try:
            return _Decoder(tensors).decode_text(file.metadata[_STRUCTURE])
        except ValueError as error:
            raise ValueError(f"load: {path!r}: the structure is damaged: {error}") from None


def load_metadata(path: Any) -> dict[str, str]:
    """The texts that were saved with a safetensors file, without reading its tensors. Errors as for `load`."""
    with File(check_path(path, "load_metadata"), "load_metadata") as file:
        return {name: text for name, text in file.metadata.items() if name != _STRUCTURE}


def _check_metadata(metadata: Any) -> dict[str, str]:
    if metadata is None:
        return {}
    if not isinstance(metadata, Mapping) or not all(
        isinstance(text, str) for item in metadata.items() for text in item
    ):
        raise TypeError("save: metadata must map texts to texts")
    if _STRUCTURE in metadata:
        raise ValueError(f"save: the metadata entry {_STRUCTURE!r} is reserved")
    return dict(metadata)


# ---- files and folders ----


def _find(path: str) -> str:
    if not os.path.isdir(path):
        return path
    for name in (_INDEX, _WHOLE):
        if os.path.exists(os.path.join(path, name)):
            return os.path.join(path, name)
    raise ValueError(f"load: {path!r}: the folder has neither {_INDEX} nor {_WHOLE}")


def _load_shards(path: str, device: _core.Device) -> dict[str, Tensor]:
    """The tensors of several files, which an index gathers: {"weight_map": {tensor: file}}."""

    def error(reason: str) -> ValueError:
        return ValueError(f"load: {path!r}: {reason}")

    with open(path, "rb") as index:
        try:
            weight_map = parse_json(index.read()).get("weight_map")
        except ValueError as wrong:
            raise error(f"the index is not valid JSON: {wrong}") from None
    if not isinstance(weight_map, dict) or not all(isinstance(name, str) for name in weight_map.values()):
        raise error("the index has no weight_map of tensor names to file names")
    tensors: dict[str, Tensor] = {}
    for name in dict.fromkeys(weight_map.values()):
        # Files of the index's own folder only: an index must not read what lies elsewhere.
        if name != os.path.basename(name) or name in ("", ".", "..") or "\\" in name or "\0" in name:
            raise error(f"the file name {name!r} leaves the folder of the index")
        shard = os.path.join(os.path.dirname(path), name)
        if not os.path.exists(shard):
            raise error(f"the file {name!r}, which the index names, is missing")
        with File(shard) as file:
            for tensor in (t for t, where in weight_map.items() if where == name):
                if tensor not in file.entries:
                    raise error(f"tensor {tensor!r} should be in {name!r}, which has none of that name")
                tensors[tensor] = file.read(tensor).to(device)
    return {tensor: tensors[tensor] for tensor in weight_map}


# ---- nested values ----
# JSON has texts, numbers, bools and null for what they are, and lists. Anything else is an object of one entry:
# {"tensor": name}, {"dict": [[key, value], …]}, {"tuple": […]}, {"float": "nan"}.


class _Encoder:
    def __init__(self, tensors: dict[str, Tensor]):
        self.tensors = tensors
        self.names: dict[int, str] = {}  # of tensors already seen, by identity

    def encode(self, value: Any, where: str, depth: int) -> Any:
        if depth > _MAX_DEPTH:
            raise ValueError(f"save: the value at {where[:80]!r} is nested more than {_MAX_DEPTH} deep")
        if value is None or isinstance(value, (bool, str)):
            return value
        if isinstance(value, int):
            return int(value)
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else {"float": str(float(value))}
        if isinstance(value, Tensor):
            return {"tensor": self._name(value, where)}
        if isinstance(value, (list, tuple)):
            items = [self.encode(item, _join(where, i), depth + 1) for i, item in enumerate(value)]
            return {"tuple": items} if isinstance(value, tuple) else items
        if isinstance(value, Mapping):
            pairs = value.items()
            return {"dict": [[self._key(k, where), self.encode(v, _join(where, k), depth + 1)] for k, v in pairs]}
        raise TypeError(
            f"save: {where or 'the value'} is a {type(value).__name__}; tensors, dicts, lists, tuples, numbers, "
            "texts and None can be saved"
        )

    def _key(self, key: Any, where: str) -> Any:
        if isinstance(key, tuple):
            return {"tuple": [self._key(item, where) for item in key]}
        if key is not None and not isinstance(key, (str, int, float)):
            raise TypeError(f"save: a key of {where or 'the value'} is a {type(key).__name__}, which cannot be a key")
        return self.encode(key, where, 0)

    def _name(self, x: Tensor, where: str) -> str:
        name = self.names.get(id(x))
        if name is None:
            name, number = where or "tensor", 2
            while name in self.tensors or name == "__metadata__":
                name, number = f"{where}~{number}", number + 1
            self.names[id(x)] = name
            self.tensors[name] = x
        return name


def _join(where: str, key: Any) -> str:
    return f"{where}.{key}" if where else str(key)


class _Decoder:
    def __init__(self, tensors: dict[str, Tensor]):
        self.tensors = tensors

    def decode_text(self, text: str) -> Any:
        structure = parse_json(text.encode())
        version = structure.get("version")
        if version != _VERSION:
            raise ValueError(f"it has version {version!r}, this release reads {_VERSION}")
        return self._decode(structure.get("value"), 0)

    def _decode(self, tree: Any, depth: int) -> Any:
        if depth > 2 * _MAX_DEPTH:
            raise ValueError("it is nested too deeply")
        if isinstance(tree, list):
            return [self._decode(item, depth + 1) for item in tree]
        if not isinstance(tree, dict):
            return tree
        if len(tree) != 1:
            raise ValueError(f"an object has {len(tree)} entries instead of one")
        ((kind, content),) = tree.items()
        if kind == "tensor" and isinstance(content, str):
            if content not in self.tensors:
                raise ValueError(f"tensor {content!r} is missing")
            return self.tensors[content]
        if kind == "float" and content in ("nan", "inf", "-inf"):
            return float(content)
        if kind == "tuple" and isinstance(content, list):
            return tuple(self._decode(item, depth + 1) for item in content)
        if kind == "dict" and isinstance(content, list):
            if not all(isinstance(pair, list) and len(pair) == 2 for pair in content):
                raise ValueError("a dict is not a list of pairs")
            return {self._decode_key(key): self._decode(item, depth + 1) for key, item in content}
        raise ValueError(f"an object of kind {kind!r} is unknown")

    def _decode_key(self, tree: Any) -> Any:
        key = self._decode(tree, 0)
        try:
            hash(key)
        except TypeError:
            raise ValueError(f"a key is a {type(key).__name__}") from None
        return key


__all__ = ["load", "load_metadata", "save"]
