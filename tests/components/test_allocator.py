"""The memory that a process keeps after it was freed, and how often Python searches for garbage."""

from __future__ import annotations

import gc
import os
import subprocess
import sys

import pytest

from components import allocator

MEGABYTES = 200

# Uses blocks of a size that TensorFlow's tensors have, in this thread and in another, and counts the page faults of the
# second use and the resident memory at the end.
_PROGRAM = """
import ctypes, os, resource, sys, threading
from components.allocator import keep_freed_memory

if sys.argv[1] == "keep":
    assert keep_freed_memory()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
size = int(sys.argv[2]) * 2**20

def use():
    block = libc.malloc(ctypes.c_size_t(size))
    ctypes.memset(block, 1, size)
    libc.free(ctypes.c_void_p(block))

def use_in_threads():
    for _ in range(2):
        thread = threading.Thread(target=use)
        thread.start()
        thread.join()

use()
use_in_threads()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
use()
use_in_threads()
pages = (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) * os.sysconf("SC_PAGESIZE")
resident = int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGESIZE")
print(pages >> 20, resident >> 20)
"""


def _use_memory(mode: str, **variables: str) -> tuple[int, int]:
    environment = {name: value for name, value in os.environ.items() if not allocator.is_configured({name: value})}
    environment |= variables
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, mode, str(MEGABYTES)], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    faulted, resident = map(int, done.stdout.split())
    return faulted, resident


@pytest.mark.parametrize("mode", ["keep", "default"])  # by the function; by the variables
def test_freed_memory_is_used_again_by_every_thread_and_never_held_twice(mode: str) -> None:
    faulted, resident = _use_memory(mode, **(allocator.variables_that_keep_freed_memory() if mode == "default" else {}))
    assert faulted < MEGABYTES / 4
    assert MEGABYTES < resident < 1.5 * MEGABYTES  # one block, although three threads used one each


def test_glibc_alone_returns_the_memory_to_the_kernel() -> None:
    """If this fails, the module is not needed any more."""
    faulted, resident = _use_memory("default")
    assert faulted > 2 * MEGABYTES
    assert resident < MEGABYTES


def test_a_computing_process_takes_a_gpus_memory_as_it_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allocator, "keep_freed_memory", lambda: True)
    monkeypatch.setattr(os, "environ", {**os.environ})
    monkeypatch.delenv("TF_FORCE_GPU_ALLOW_GROWTH", raising=False)
    allocator.configure_allocators()
    assert os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"
    monkeypatch.setenv("TF_FORCE_GPU_ALLOW_GROWTH", "false")
    allocator.configure_allocators()
    assert os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] == "false"


def test_processes_that_a_computing_process_starts_keep_freed_memory_too(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if allocator.is_configured({name: os.environ[name]})]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(os, "environ", {**os.environ})
    monkeypatch.setattr(allocator, "keep_freed_memory", lambda: True)
    allocator.configure_allocators()
    faulted, _ = _use_memory("default", **os.environ)
    assert faulted < MEGABYTES / 4
    # The same settings as variables are those of this module, so that they stay in force one process further.
    assert allocator.variables_that_keep_freed_memory().items() <= os.environ.items()
    assert _use_memory("keep", **os.environ)[0] < MEGABYTES / 4


def test_garbage_is_collected_rarely_but_collected() -> None:
    before = gc.get_threshold()
    try:
        gc.set_threshold(700, 10, 10)
        allocator.collect_garbage_rarely()
        assert gc.get_threshold() == (10_000, 10, 10)
        assert gc.isenabled()
    finally:
        gc.set_threshold(*before)


# Counts the page faults of a loop of calls, inside as many other calls as give most: there, a chunk of frames ends.
_CALLS = """
import resource, sys
from components.allocator import with_frames_in_one_chunk

def call(one=None, two=None, three=None, four=None, five=None, six=None, seven=None, eight=None, nine=None, ten=None):
    eleven = twelve = thirteen = fourteen = fifteen = sixteen = seventeen = eighteen = nineteen = twenty = None

def faults_of_calls(depth):
    if depth:
        return faults_of_calls(depth - 1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(1000):
        call()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def most_faults():
    return max(faults_of_calls(depth) for depth in range(int(sys.argv[1])))

print(most_faults(), with_frames_in_one_chunk(most_faults)())
"""


def test_calls_take_no_memory_from_the_kernel_where_a_chunk_of_frames_ends() -> None:
    """If there are few page faults without the decorator, it is not needed any more."""
    program = [sys.executable, "-c", _CALLS, "900"]
    printed = subprocess.run(program, check=True, capture_output=True, text=True).stdout
    usual, in_one_chunk = map(int, printed.split())
    assert usual >= 1000
    assert in_one_chunk < 500


def test_a_function_with_its_frames_in_one_chunk_is_the_same_function() -> None:
    @allocator.with_frames_in_one_chunk
    def quotient(dividend: int, divisor: int = 1) -> float:
        """Divides."""
        return dividend / divisor

    assert (quotient(6), quotient(6, divisor=4)) == (6, 1.5)
    assert (quotient.__name__, quotient.__doc__) == ("quotient", "Divides.")
    with pytest.raises(ZeroDivisionError):
        quotient(1, 0)


# Counts the collections during the block, and sees whether what it created is searched later; then makes garbage.
_LOADING = """
import gc, sys, types, weakref
from components.allocator import loading_libraries

if sys.argv[1] == "loaded before":
    sys.modules["tensorflow"] = types.ModuleType("tensorflow")
collections = []
gc.callbacks.append(lambda phase, info: collections.append(phase))
try:
    with loading_libraries():
        library = [[] for _ in range(100_000)]
        if sys.argv[1] == "not installed":
            raise ModuleNotFoundError
except ModuleNotFoundError:
    pass
print(len(collections), gc.get_freeze_count(), gc.isenabled())

class Garbage:
    pass

garbage = Garbage()
garbage.itself, alive = garbage, weakref.ref(garbage)
del garbage
gc.collect()
assert not alive()
"""


def _load(how: str) -> tuple[int, int, bool]:
    """Returns the number of collections in the block, that of objects never searched later, and whether others are."""
    program = [sys.executable, "-c", _LOADING, how]
    printed = subprocess.run(program, check=True, capture_output=True, text=True).stdout
    collections, unsearched, enabled = printed.split()
    return int(collections), int(unsearched), enabled == "True"


@pytest.mark.parametrize("how", ["installed", "not installed"])
def test_garbage_is_not_searched_among_loaded_libraries(how: str) -> None:
    collections, unsearched, enabled = _load(how)
    assert collections == 0
    assert unsearched > 100_000
    assert enabled


def test_a_process_that_has_tensorflow_already_collects_garbage_as_before() -> None:
    collections, unsearched, enabled = _load("loaded before")
    assert collections > 0
    assert unsearched == 0
    assert enabled


@pytest.mark.parametrize("library", [("", ""), ("musl", "1.2")])
def test_another_c_library_is_left_alone(library: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.libc_ver", lambda: library)
    monkeypatch.setattr("ctypes.CDLL", lambda _: pytest.fail("a function of the C library was called"))
    assert not allocator.keep_freed_memory()
    assert not allocator.variables_that_keep_freed_memory()


@pytest.mark.parametrize("setting", [("MALLOC_ARENA_MAX", "2"), ("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1")])
def test_settings_of_the_environment_stay_in_force(setting: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(*setting)
    assert not allocator.keep_freed_memory()


def test_other_variables_do_not_configure_the_allocator() -> None:
    assert not allocator.is_configured({"GLIBC_TUNABLES": "glibc.cpu.x86_ibt=on", "PATH": "/bin"})
