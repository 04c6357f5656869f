"""PyTorch's legacy files: arrays are read exactly, and nothing in a file is executed."""

from __future__ import annotations

import pickle
import struct
import tracemalloc
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest

from components.networks.torch_weights import MAGIC_NUMBER, read_torch_weights

if TYPE_CHECKING:
    from pathlib import Path


class Global:
    """Pickles as a name in a module, as PyTorch's functions and types do."""

    def __init__(self, module: str, name: str):
        self.module, self.name = module, name


class Called:
    """Pickles as a call of a global."""

    def __init__(self, function: Global, *arguments: Any):
        self.function, self.arguments = function, arguments


class Stored:
    """Pickles as a reference to a storage."""

    def __init__(self, kind: str, key: str, count: int):
        self.reference = ("storage", Global("torch", kind), key, "cpu", count, None)


class Writer(pickle._Pickler):  # noqa: SLF001  (the public one, in C, has no `dispatch`)
    """Python's own pickler; this one also writes names that this process cannot import."""

    dispatch: ClassVar[dict[Any, Any]] = dict(pickle._Pickler.dispatch)  # noqa: SLF001

    def _save_global(self: Any, value: Global) -> None:
        self.write(pickle.GLOBAL + f"{value.module}\n{value.name}\n".encode())

    def _save_call(self: Any, value: Called) -> None:
        self.save(value.function)
        self.save(value.arguments)
        self.write(pickle.REDUCE)

    def persistent_id(self, value: Any) -> Any:
        return value.reference if isinstance(value, Stored) else None

    dispatch[Global] = _save_global
    dispatch[Called] = _save_call


def view(kind: str, key: str, count: int, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> Called:
    rebuild = Global("torch._utils", "_rebuild_tensor_v2")
    return Called(rebuild, Stored(kind, key, count), offset, shape, strides, False, OrderedDict())


def write(
    file: Path, content: Any, storages: dict[str, np.ndarray], magic: int = MAGIC_NUMBER, little_endian: bool = True
) -> Path:
    with file.open("wb") as opened:
        for value in (magic, 1001, {"little_endian": little_endian}, content, list(storages)):
            Writer(opened, protocol=2).dump(value)
        for numbers in storages.values():
            opened.write(struct.pack("<q", numbers.size) + numbers.tobytes())
    return file


def test_arrays_are_read_as_they_were_written(tmp_path: Path) -> None:
    numbers, counts = np.arange(24, dtype=np.float32), np.array([7], np.int64)
    content = OrderedDict(
        kernel=view("FloatStorage", "a", 24, 0, (2, 3, 4), (12, 4, 1)),
        transposed=view("FloatStorage", "a", 24, 0, (4, 6), (1, 4)),
        tail=view("FloatStorage", "a", 24, 20, (4,), (1,)),
        batches=view("LongStorage", "b", 1, 0, (), ()),
    )
    arrays = read_torch_weights(write(tmp_path / "weights.pth", content, {"b": counts, "a": numbers}))
    assert list(arrays) == ["kernel", "transposed", "tail", "batches"]
    np.testing.assert_array_equal(arrays["kernel"], numbers.reshape(2, 3, 4))
    np.testing.assert_array_equal(arrays["transposed"], numbers.reshape(6, 4).T)
    np.testing.assert_array_equal(arrays["tail"], [20, 21, 22, 23])
    assert arrays["batches"] == 7


@pytest.mark.parametrize(
    ("module", "name"),
    [("os", "system"), ("builtins", "eval"), ("torch", "load"), ("torch.storage", "_load_from_bytes")],
)
def test_no_other_function_is_called(tmp_path: Path, module: str, name: str) -> None:
    command = f"touch {tmp_path / 'executed'}"
    file = write(tmp_path / "weights.pth", OrderedDict(kernel=Called(Global(module, name), command)), {})
    with pytest.raises(
        ValueError, match=rf"weights.pth cannot be read .*: the file names {module}.{name}, which a state"
    ):
        read_torch_weights(file)
    assert [path.name for path in tmp_path.iterdir()] == ["weights.pth"]


def test_memory_is_bounded_by_the_size_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "weights.pth"
    stored_far = pickle.PROTO + b"\x02N" + pickle.LONG_BINPUT + struct.pack("<I", 2**29) + pickle.STOP
    claims_much = pickle.PROTO + b"\x04" + pickle.BYTEARRAY8 + struct.pack("<Q", 2**33) + pickle.STOP
    for content, because in ((stored_far, "larger than that of the instructions"), (claims_much, "expected")):
        file.write_bytes(content)
        tracemalloc.start()
        with pytest.raises(ValueError, match=because):
            read_torch_weights(file)
        assert tracemalloc.get_traced_memory()[1] < 1e6
        tracemalloc.stop()
    pairs = [(str(number), number) for number in range(3)]
    write(file, Called(Global("collections", "OrderedDict"), pairs), {})
    with pytest.raises(ValueError, match=r"takes 0 positional arguments but 1 was given"):
        read_torch_weights(file)
    write(file, {"kernel": view("FloatStorage", "a", 1, 0, (1,) * 9, (1,) * 9)}, {"a": np.zeros(1, np.float32)})
    with pytest.raises(ValueError, match="more than 8 axes"):
        read_torch_weights(file)


def test_other_files_are_rejected(tmp_path: Path) -> None:
    file, numbers = tmp_path / "weights.pth", {"a": np.zeros(4, np.float32)}

    def rejected(because: str) -> None:
        with pytest.raises(ValueError, match=f"weights.pth cannot be read as PyTorch's legacy format: .*{because}"):
            read_torch_weights(file)

    rejected("No such file")
    file.write_bytes(b"")
    rejected("")
    file.write_bytes(b"PK\x03\x04 a zip file, PyTorch's format from 1.6 on")
    rejected("")
    write(file, {}, {}, magic=1)
    rejected("magic number")
    write(file, {}, {}, little_endian=False)
    rejected("big-endian")
    whole = write(file, {"kernel": view("FloatStorage", "a", 4, 0, (4,), (1,))}, numbers).read_bytes()
    file.write_bytes(whole[:-1])
    rejected("truncated")
    file.write_bytes(whole[:-24] + struct.pack("<q", 2**60) + whole[-16:])
    rejected("truncated")
    write(file, {"kernel": view("FloatStorage", "a", 4, 0, (2**40,), (0,))}, numbers)
    rejected("more numbers than its storage")
    for offset, shape, strides in ((1, (4,), (1,)), (0, (2, 2), (4, 1)), (3, (4,), (-1,)), (-1, (2,), (1,))):
        write(file, {"kernel": view("FloatStorage", "a", 4, offset, shape, strides)}, numbers)
        rejected("is outside its storage")
