# Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Loads a shared library made by gpfq-compile and runs it on numpy arrays."""

from __future__ import annotations

import ctypes
import math
import os
import threading
import weakref
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .errors import GpfqError

__all__ = ["CompiledModel", "LoadError", "Profile", "TensorInfo", "UnsupportedCpuError", "load"]

_ABI_VERSION = 1
_DTYPES = {0: np.float32, 1: np.uint8, 2: np.int8, 3: np.int32, 4: np.int64}


class LoadError(GpfqError):
    """The file is not a library of this loader's ABI."""


class UnsupportedCpuError(GpfqError):
    """This CPU lacks what the library was compiled for; the message names it."""


class _TensorInfo(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("dtype", ctypes.c_int32),
        ("rank", ctypes.c_int32),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
    ]


_Check = ctypes.CFUNCTYPE(ctypes.c_char_p)
# Without types of arguments: those of _Frame have them, and nothing is converted.
_Run = ctypes.CFUNCTYPE(ctypes.c_int32)
_PoolCreate = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_int32, ctypes.c_int32)
_PoolDestroy = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_PIN = 1
# Together the address of a writable array without gaps, in a fifth of the time of array.ctypes.data.
_addressof, _from_buffer = ctypes.addressof, ctypes.c_char.from_buffer


class _ModelInfo(ctypes.Structure):
    _fields_ = [
        ("abi_version", ctypes.c_uint32),
        ("struct_bytes", ctypes.c_uint32),
        ("name", ctypes.c_char_p),
        ("target", ctypes.c_char_p),
        ("num_inputs", ctypes.c_int32),
        ("num_outputs", ctypes.c_int32),
        ("inputs", ctypes.POINTER(_TensorInfo)),
        ("outputs", ctypes.POINTER(_TensorInfo)),
        ("workspace_bytes", ctypes.c_uint64),
        ("workspace_alignment", ctypes.c_uint64),
        ("weight_bytes", ctypes.c_uint64),
        ("check", _Check),
        ("run", _Run),
        ("run_parallel", _Run),
        ("pool_create", _PoolCreate),
        ("pool_destroy", _PoolDestroy),
    ]


@dataclass(frozen=True)
class TensorInfo:
    """An input or output: a dense row-major array. shape[0] is -1 where the batch is dynamic."""

    name: str
    dtype: np.dtype
    shape: tuple[int, ...]

    @property
    def dynamic_batch(self) -> bool:
        return bool(self.shape) and self.shape[0] < 0

    def concrete_shape(self, batch: int) -> tuple[int, ...]:
        return (batch, *self.shape[1:]) if self.dynamic_batch else self.shape

    def __str__(self) -> str:
        shape = "x".join("?" if n < 0 else str(n) for n in self.shape)
        return f"{self.name}: {shape or 'scalar'} {self.dtype}"


@dataclass(frozen=True)
class Profile:
    """Ticks of the CPU's clock, summed over runs and threads."""

    layers: tuple[str, ...]
    ticks: tuple[int, ...]  # of each layer
    total: int  # of the network
    now: int  # the clock itself


class _Frame:
    """What the calls of one thread pass to a library: arrays of pointers, the batch, a workspace and perhaps a pool."""

    def __init__(self, inputs: int, outputs: int, workspace_bytes: int, alignment: int, pool: int | None) -> None:
        self.inputs = (ctypes.c_void_p * inputs)()
        self.outputs = (ctypes.c_void_p * outputs)()
        self.batch = ctypes.c_int64(1)
        self._memory = np.empty(workspace_bytes + alignment, np.uint8)
        start = -(-self._memory.ctypes.data // alignment) * alignment
        workspace = ctypes.c_void_p(start if workspace_bytes else None)
        arguments = (self.inputs, self.outputs, self.batch, workspace)
        self.arguments = arguments if pool is None else (*arguments, ctypes.c_void_p(pool))


class CompiledModel:
    """A compiled network; call it with one numpy array for each input.

    Arrays must have the dtype and shape that `inputs` names; they are copied only where
    they are not row-major, aligned and in native byte order. The result is one array, or
    a tuple when there are several outputs. Calls from several threads are safe: every
    thread has its own workspace, kept between calls. Outputs do not depend on `threads`.
    """

    def __init__(self, path: str | os.PathLike[str], threads: int = 1, pin: bool = False) -> None:
        self.path = Path(path).resolve()
        self._library = _open(self.path)
        self._info = _model_info(self._library, self.path)
        message = self._info.check()
        if message is not None:
            raise UnsupportedCpuError(f"{self.path}: {message.decode(errors='replace')}")
        self.name: str = _text(self._info.name)
        self.target: str = _text(self._info.target)
        self.weight_bytes: int = self._info.weight_bytes
        self.workspace_bytes: int = self._info.workspace_bytes
        self.inputs: tuple[TensorInfo, ...] = _tensors(self._info.inputs, self._info.num_inputs, "input", self.path)
        self.outputs: tuple[TensorInfo, ...] = _tensors(self._info.outputs, self._info.num_outputs, "output", self.path)
        self._exact = tuple((info.dtype, info.shape) for info in self.inputs)
        self._results = tuple((info.shape, info.dtype) for info in self.outputs)
        self._local = threading.local()
        self.threads = threads
        self._pool = self._create_pool(threads, pin) if threads != 1 else None
        self._run = self._info.run if self._pool is None else self._info.run_parallel

    def __call__(self, *arrays: np.ndarray) -> np.ndarray | tuple[np.ndarray, ...]:
        """Runs the network. TypeError: number, kind or dtype of arguments; ValueError: shapes."""
        try:
            frame = self._local.frame
        except AttributeError:
            frame = self._local.frame = self._create_frame()
        inputs, results = arrays, self._results
        if not self._bind(frame.inputs, arrays):
            frame.batch.value = batch = self._check(arrays)
            results = tuple((info.concrete_shape(batch), info.dtype) for info in self.outputs)
            inputs = tuple(np.require(a, info.dtype, ["C", "A"]) for a, info in zip(arrays, self.inputs, strict=True))
            for i, array in enumerate(inputs):
                frame.inputs[i] = array.ctypes.data
        outputs = []
        for shape, dtype in results:
            array = np.empty(shape, dtype)
            frame.outputs[len(outputs)] = _addressof(_from_buffer(array))
            outputs.append(array)
        status = self._run(*frame.arguments)
        del inputs  # until here it may hold copies
        if status != 0:
            raise RuntimeError(f"{self.name}: run() failed with status {status}")
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    def profile(self) -> Profile:
        """What a library compiled with `--profile` has counted in all its runs so far. LoadError for any other."""
        try:
            function = self._library[f"{self.name}_profile"]
        except AttributeError:
            raise LoadError(f"{self.path}: counts no ticks; compile it with --profile") from None
        layers, ticks, now = ctypes.POINTER(ctypes.c_char_p)(), ctypes.POINTER(ctypes.c_uint64)(), ctypes.c_uint64()
        function.restype = ctypes.c_int32
        count = function(ctypes.byref(layers), ctypes.byref(ticks), ctypes.byref(now))
        names = tuple(_text(layers[i]) for i in range(count))
        return Profile(names, tuple(ticks[1 + i] for i in range(count)), ticks[0], now.value)

    def __repr__(self) -> str:
        inputs, outputs = (", ".join(map(str, side)) for side in (self.inputs, self.outputs))
        return f"<gpfq.CompiledModel {self.name} ({inputs}) -> ({outputs}), target {self.target}>"

    def _bind(self, pointers: ctypes.Array, arrays: tuple[np.ndarray, ...]) -> bool:
        """Points to `arrays`, if all can be used as they are and no batch is dynamic. What else there is to say takes
        longer than a small network."""
        if len(arrays) != len(self._exact):
            return False
        for i, (dtype, shape) in enumerate(self._exact):
            array = arrays[i]
            if type(array) is not np.ndarray or array.dtype is not dtype or array.shape != shape:
                return False
            if not array.flags.carray:
                return False
            pointers[i] = _addressof(_from_buffer(array))
        return True

    def _check(self, arrays: tuple[np.ndarray, ...]) -> int:
        """The number of samples; raises when an argument does not fit its input."""
        if len(arrays) != len(self.inputs):
            expected = ", ".join(map(str, self.inputs))
            raise TypeError(f"{self.name} takes {len(self.inputs)} input(s) ({expected}), got {len(arrays)}")
        batch: int | None = None
        for i, (array, info) in enumerate(zip(arrays, self.inputs, strict=True)):
            if not isinstance(array, np.ndarray):
                raise TypeError(f"{self._describe(i)} must be a numpy array, not {type(array).__name__}")
            if array.dtype != info.dtype and array.dtype.newbyteorder("=") != info.dtype:
                raise TypeError(f"{self._describe(i)} got dtype {array.dtype}; convert it with .astype('{info.dtype}')")
            if array.ndim != len(info.shape):
                raise ValueError(f"{self._describe(i)} must have {len(info.shape)} dimensions, got shape {array.shape}")
            if array.shape != info.shape and any(
                want not in (-1, got) for want, got in zip(info.shape, array.shape, strict=True)
            ):
                raise ValueError(f"{self._describe(i)} got shape {array.shape}")
            if not info.dynamic_batch:
                continue
            if array.shape[0] == 0:
                raise ValueError(f"{self._describe(i)} got an empty batch")
            if batch is not None and array.shape[0] != batch:
                raise ValueError(f"{self._describe(i)} has batch {array.shape[0]}, but an earlier input has {batch}")
            batch = array.shape[0]
        return 1 if batch is None else batch

    def _describe(self, i: int) -> str:
        return f"{self.name}: input {i} ({self.inputs[i]})"

    def _create_pool(self, threads: int, pin: bool) -> int:
        """The address of a pool that lives as long as the model."""
        if not 1 <= threads <= 256:
            raise ValueError(f"{self.name}: threads must be 1 to 256, got {threads}")
        if not self._info.pool_create:
            raise LoadError(f"{self.path}: has no threads of its own; compile it with --parallel=pool")
        pool = self._info.pool_create(threads, _PIN if pin else 0)
        if not pool:
            raise LoadError(f"{self.path}: the system gives no memory or threads for a pool of {threads}")
        weakref.finalize(self, self._info.pool_destroy, pool)
        return pool

    def _create_frame(self) -> _Frame:
        alignment = max(64, self._info.workspace_alignment)
        return _Frame(len(self.inputs), len(self.outputs), self.workspace_bytes, alignment, self._pool)


def load(path: str | os.PathLike[str], threads: int = 1, pin: bool = False) -> CompiledModel:
    """Loads the library that `gpfq-compile ... -o libnet.so` wrote.

    `threads`, 1 to 256, work on each call, the calling one among them; more than one needs a
    library compiled with `--parallel=pool`. With `pin` thread i starts on the i-th CPU of those
    that the process may use and stays there unless the calling thread, number 0, comes to the same CPU.

    Raises FileNotFoundError, LoadError when the file is no such library or has no threads,
    ValueError for a bad number of threads, and UnsupportedCpuError when this CPU cannot run it.
    """
    return CompiledModel(path, threads, pin)


def _open(path: Path) -> ctypes.CDLL:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such library")
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise LoadError(f"{path}: cannot be loaded as a shared library: {error}") from error


def _model_info(library: ctypes.CDLL, path: Path) -> _ModelInfo:
    try:
        entry = library.gpfq_default_model
    except AttributeError:
        raise LoadError(f"{path}: not made by gpfq-compile (no symbol gpfq_default_model)") from None
    entry.restype = ctypes.POINTER(_ModelInfo)
    entry.argtypes = []
    pointer = entry()
    if not pointer:
        raise LoadError(f"{path}: gpfq_default_model() returns null")
    info = pointer.contents
    if info.abi_version != _ABI_VERSION or info.struct_bytes < ctypes.sizeof(_ModelInfo):
        raise LoadError(
            f"{path}: ABI version {info.abi_version} with {info.struct_bytes} bytes; this loader reads "
            f"version {_ABI_VERSION} with {ctypes.sizeof(_ModelInfo)}: compile the network again"
        )
    return info


def _tensors(pointer: ctypes._Pointer, count: int, kind: str, path: Path) -> tuple[TensorInfo, ...]:
    tensors = []
    for i in range(count):
        tensor = pointer[i]
        if tensor.dtype not in _DTYPES:
            raise LoadError(f"{path}: {kind} {i} has unknown dtype {tensor.dtype}")
        shape = tuple(tensor.shape[d] for d in range(tensor.rank))
        if any(n < 0 for n in shape[1:]) or math.prod(shape[1:]) == 0:
            raise LoadError(f"{path}: {kind} {i} has shape {shape}")
        tensors.append(TensorInfo(_text(tensor.name) or f"{kind}{i}", np.dtype(_DTYPES[tensor.dtype]), shape))
    return tuple(tensors)


def _text(value: bytes | None) -> str:
    return "" if value is None else value.decode(errors="replace")
