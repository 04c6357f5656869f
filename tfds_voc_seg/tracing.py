"""How TensorFlow traces our functions: without AutoGraph, which takes most of the time, and as rarely as possible."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, TypeVar, cast

import tensorflow as tf

if TYPE_CHECKING:
    from collections.abc import Callable

Function = TypeVar("Function", bound="Callable[..., Any]")


def without_autograph(function: Function) -> Function:
    """Turns AutoGraph off for the datasets that a function makes: AutoGraph would take most of the time to make them.

    The functions that are mapped then use TensorFlow's operations for conditions and loops, not Python's `if` and
    `while`.
    """
    return cast("Function", tf.autograph.experimental.do_not_convert(function))


def traced_once(function: Function) -> Function:
    """Makes graphs share one trace of a function per shapes, dtypes and other arguments, made without AutoGraph.

    Otherwise each input pipeline and each exported model traces the function again. Outside of graphs the function is
    called as it is: its errors then have the message of an assertion as it was written; a graph escapes characters.

    Args:
        function: a function of tensors and numbers; its result depends on nothing else.
    """
    traced = tf.function(function, autograph=False)

    @functools.wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        return (function if tf.executing_eagerly() else traced)(*arguments, **options)

    return cast("Function", call)
