"""Tensors from a file that PyTorch's `torch.save` wrote before version 1.6, read without executing anything from it.

Such a file consists of five pickles and the raw numbers. A pickle can call any function of any installed package; here
it can name only what `_Unpickler` lists, and each of these creates plain data. Memory is bounded by the size of the
file: `_load` looks at a pickle's instructions before Python follows them.
"""

from __future__ import annotations

import collections
import dataclasses
import io
import math
import pickle
import pickletools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
"""The first pickle of each file in this format, defined by PyTorch."""

_DTYPES: dict[str, str] = {"FloatStorage": "<f4", "DoubleStorage": "<f8", "HalfStorage": "<f2", "LongStorage": "<i8"}
_MOST_AXES = 8


def read_torch_weights(file: str | Path) -> dict[str, NDArray[Any]]:
    """Reads a state dictionary.

    Args:
        file: written by `torch.save(model.state_dict(), file)` of PyTorch before 1.6, or later in the legacy format.

    Returns:
        Name → array, in the order of the file.

    Raises:
        ValueError: the file cannot be read, has another format, or names anything that a state dictionary does not
            need.
    """
    try:
        return _read(io.BytesIO(Path(file).read_bytes()))
    except Exception as error:  # a damaged pickle can raise almost any exception
        raise ValueError(f"the weights file {file} cannot be read as PyTorch's legacy format: {error}") from error


def _read(opened: io.BytesIO) -> dict[str, NDArray[Any]]:
    if _load(opened) != MAGIC_NUMBER:
        raise pickle.UnpicklingError("the file does not begin with PyTorch's magic number")
    _protocol, system = _load(opened), _load(opened)
    if not system["little_endian"]:
        raise pickle.UnpicklingError("the numbers are big-endian")
    content, keys = _load(opened), _load(opened)
    named = {str(name): tensor for name, tensor in content.items() if isinstance(tensor, _Tensor)}
    dtypes = {tensor.storage.key: np.dtype(tensor.storage.dtype) for tensor in named.values()}
    storages = {key: _read_storage(opened, dtypes[key]) for key in keys}
    return {name: _array(tensor, storages[tensor.storage.key]) for name, tensor in named.items()}


def _load(opened: io.BytesIO) -> Any:
    """Loads a pickle, after a look at its instructions.

    Python reserves memory for the largest number that an object is stored under, and for the size that a text claims.
    A file in memory is read up to its end, whatever a text claims.
    """
    start = opened.tell()
    for number, (instruction, argument, _) in enumerate(pickletools.genops(opened)):  # also checks the sizes
        if instruction.name.endswith("PUT") and (argument or 0) > number:
            raise pickle.UnpicklingError("an object is stored under a number larger than that of the instructions")
    opened.seek(start)
    return _Unpickler(opened).load()


@dataclasses.dataclass(frozen=True)
class _Storage:
    """Raw numbers in the file; tensors are views of them.

    Attributes:
        key: the storage's name in the file.
        dtype: the numbers' dtype, in numpy's notation.
    """

    key: str
    dtype: str


@dataclasses.dataclass(frozen=True)
class _Tensor:
    """A view of a storage; offset and strides count numbers, not bytes."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _tensor(storage: _Storage, offset: int, shape: Any, strides: Any, *_: Any) -> _Tensor:
    if max(len(shape), len(strides)) > _MOST_AXES:  # before they are copied
        raise pickle.UnpicklingError(f"a tensor has more than {_MOST_AXES} axes")
    return _Tensor(storage, int(offset), tuple(map(int, shape)), tuple(map(int, strides)))


def _empty_dictionary() -> dict[Any, Any]:
    """Takes no content: a pickle could repeat it without limit. That of a state dictionary is added afterwards."""
    return collections.OrderedDict()


class _Unpickler(pickle.Unpickler):
    """Resolves the names that a state dictionary needs, and rejects all others."""

    def find_class(self, module: str, name: str) -> Any:
        """Resolves a name in the pickle."""
        if (module, name) == ("collections", "OrderedDict"):
            return _empty_dictionary
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        raise pickle.UnpicklingError(f"the file names {module}.{name}, which a state dictionary does not need")

    def persistent_load(self, reference: Any) -> _Storage:
        """Returns the storage to which a tensor refers: ("storage", type, key, device, count, view)."""
        kind, dtype, key, *_ = reference
        if kind != "storage" or dtype not in _DTYPES.values():
            raise pickle.UnpicklingError(f"the file refers to {kind!r}, not to a storage")
        return _Storage(str(key), dtype)


def _read_storage(opened: io.BytesIO, dtype: np.dtype[Any]) -> NDArray[Any]:
    count = int.from_bytes(opened.read(8), "little", signed=True)
    remaining = opened.getbuffer().nbytes - opened.tell()
    if not 0 <= count * dtype.itemsize <= remaining:
        raise EOFError("the file is truncated")
    return np.frombuffer(opened.read(count * dtype.itemsize), dtype)


def _array(tensor: _Tensor, storage: NDArray[Any]) -> NDArray[Any]:
    """Copies a view out of its storage, of which it must be a part."""
    pairs = list(zip(tensor.shape, tensor.strides, strict=True))
    last = tensor.offset + sum((side - 1) * stride for side, stride in pairs)
    if min(tensor.offset, *tensor.shape, *tensor.strides, 0) < 0 or (0 not in tensor.shape and last >= len(storage)):
        raise IndexError("a tensor is outside its storage")
    if math.prod(tensor.shape) > len(storage):  # a stride of 0 repeats numbers without limit
        raise IndexError("a tensor has more numbers than its storage")
    steps = [stride * storage.itemsize for stride in tensor.strides]
    return np.lib.stride_tricks.as_strided(storage[tensor.offset :], tensor.shape, steps).copy()
