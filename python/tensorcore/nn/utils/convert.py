"""Parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

from ...autograd import no_grad
from ...ops.shape import concat, reshape
from ...tensor import Tensor


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """The elements of all parameters in their order, as one axis; recorded. ValueError if there are none.

    >>> nn.utils.parameters_to_vector([tc.zeros((2, 3)), tc.ones(1)]).shape
    (7,)
    """
    flat = [reshape(p, (-1,)) for p in parameters]
    if not flat:
        raise ValueError("parameters_to_vector: needs at least one parameter")
    return concat(flat)


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Copy successive pieces of `vec` into the parameters, in place and unrecorded.

    ValueError unless `vec` has one axis and as many elements as they.
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"vector_to_parameters: vec must be a Tensor, got {type(vec).__name__}")
    many = list(parameters)
    total = sum(p.size for p in many)
    if vec.shape != (total,):
        raise ValueError(f"vector_to_parameters: vec must have shape ({total},), got {vec.shape}")
    at = 0
    with no_grad():
        for p in many:
            p[...] = reshape(vec.detach()[at : at + p.size], p.shape).to(p.device)
            at += p.size


__all__ = ["parameters_to_vector", "vector_to_parameters"]
