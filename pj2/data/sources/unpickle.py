"""Read the official pickled batches without running any code that a pickle names.

Loading a pickle can call any function. The CIFAR batches need three numpy names
and, if Python 3 wrote them, one more; this module replaces those with inert
stand-ins and refuses every other name.
"""

from __future__ import annotations

import io
import pickle
import re
from typing import Any

import numpy as np
import numpy.typing as npt

from pj2.errors import UserError

_CODE = re.compile(r"[ui][1248]")  # plain integers; never objects


def load_batch(content: bytes, place: str) -> dict[str, Any]:
    """Return the dictionary in a pickled batch, arrays as numpy, keys as str.

    Pickles of Python 2 (byte strings) and of Python 3, protocols 0 to 5, are
    understood. Raises UserError, which begins with `place`, if the pickle is
    damaged or asks for anything but integer arrays.
    """
    try:
        value = _Unpickler(io.BytesIO(content), encoding="bytes").load()
        if not isinstance(value, dict):
            raise pickle.UnpicklingError(f"it holds a {type(value).__name__}, not a dictionary")
        return {
            _text(key): item.to_numpy() if isinstance(item, _Array) else item
            for key, item in value.items()
        }
    except _RefusedError as error:
        raise UserError(
            f"{place}: refused to load the pickle, which asks for {error}; the official batches "
            "hold numbers only"
        ) from None
    except Exception as error:  # damaged pickles raise nearly anything
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"{place}: not a readable pickled batch ({reason})") from None


class _RefusedError(Exception):
    pass


class _Dtype:
    """Stands in for numpy.dtype: keeps the type's code and byte order."""

    def __init__(self, code: str | bytes, *_: object) -> None:
        self.code = _text(code)
        self.order = "|"

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = _text(state[1])

    def to_numpy(self) -> np.dtype[Any]:
        if not _CODE.fullmatch(self.code) or self.order not in ("<", ">", "|", "="):
            raise pickle.UnpicklingError(f"an array of type {self.code}, not integers")
        return np.dtype(self.order + self.code)


class _Array:
    """Stands in for numpy.ndarray: keeps the state until the pickle is read."""

    state: tuple[Any, ...] = ()

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.state = state

    def to_numpy(self) -> npt.NDArray[Any]:
        _, shape, dtype, fortran, content = self.state
        flat = np.frombuffer(content, dtype=dtype.to_numpy())
        return flat.reshape(shape, order="F" if fortran else "C")


def _reconstruct(*_: object) -> _Array:
    return _Array()


def _frombuffer(content: bytes, dtype: _Dtype, shape: tuple[int, ...], order: str) -> _Array:
    array = _Array()
    array.state = (1, shape, dtype, order == "F", content)
    return array


def _encode(text: str, *_: object) -> bytes:
    return text.encode("latin1")  # how Python 3 spells bytes in protocols 0 to 2


def _text(value: str | bytes) -> str:
    return value.decode("latin1") if isinstance(value, bytes) else value


_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy.core.numeric", "_frombuffer"): _frombuffer,
    ("numpy._core.numeric", "_frombuffer"): _frombuffer,
    ("_codecs", "encode"): _encode,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise _RefusedError(f"{module}.{name}") from None
