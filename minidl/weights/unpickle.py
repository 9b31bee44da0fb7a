"""Pickle, read as data: `unpickle` follows a pickle's instructions and runs no code of it.

A pickle is a program for a small machine with a stack: push this number, make a tuple of what lies
above the mark, *call this function with that tuple*. Python's own reader imports whatever function
the file names and calls it; `os.system` will do, so opening a stranger's file may run anything.
This one imports nothing. It knows plain numbers, text and containers, and of functions only
those that its caller lists.

The standard library's `pickletools` splits a pickle into instructions and documents each of them:
`python -m pickletools FILE` shows the program in a file.
"""

import pickletools
from collections.abc import Callable, Mapping
from typing import IO, Any

from minidl.weights.errors import RefusedError

# An instruction of one byte can make an object of sixty: this many keep it below 256 MB. A large
# network's state dict takes some 50,000.
MAX_INSTRUCTIONS = 4_000_000

_NUMBERS = {"BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"}
_TEXTS = {"BINUNICODE", "SHORT_BINUNICODE", "BINSTRING", "SHORT_BINSTRING"}
_BYTES = {"BINBYTES", "SHORT_BINBYTES"}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY: dict[str, Callable[[], Any]] = {
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
}
_SHORT_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


def unpickle(
    file: IO[bytes], known: Mapping[str, Any], persistent: Callable[[Any], Any] | None = None
) -> Any:
    """Read one pickle and leave the file behind its end.

    Args:
        file: where the pickle begins.
        known: full name → what stands for it. Nothing else is looked up; of these, what is callable
            is called when the pickle says so.
        persistent: makes an object of what the pickle says is kept elsewhere.

    Raises:
        RefusedError: the pickle names something that is not in `known`, or wants an object made.
        ValueError, TypeError, LookupError: the pickle makes no sense.
    """
    stack: list[Any] = []
    below: list[list[Any]] = []  # the stacks that wait under each mark
    memo: dict[Any, Any] = {}
    for count, (opcode, argument, _) in enumerate(pickletools.genops(file)):
        if count == MAX_INSTRUCTIONS:
            raise RefusedError(f"its pickle has more than {MAX_INSTRUCTIONS:,} instructions")
        match opcode.name:
            case "PROTO" | "FRAME":
                pass
            case name if name in _NUMBERS | _TEXTS | _BYTES:
                stack.append(argument)
            case name if name in _CONSTANTS:
                stack.append(_CONSTANTS[name])
            case name if name in _EMPTY:
                stack.append(_EMPTY[name]())
            case name if name in _SHORT_TUPLES:
                items = [stack.pop() for _ in range(_SHORT_TUPLES[name])]
                stack.append(tuple(reversed(items)))
            case "MARK":
                below.append(stack)
                stack = []
            case "TUPLE":
                items, stack = stack, below.pop()
                stack.append(tuple(items))
            case "APPEND":
                value = stack.pop()
                _extend(stack[-1], [value])
            case "APPENDS":
                items, stack = stack, below.pop()
                _extend(stack[-1], items)
            case "SETITEM":
                value, key = stack.pop(), stack.pop()
                _set_items(stack[-1], [(key, value)])
            case "SETITEMS":
                items, stack = stack, below.pop()
                _set_items(stack[-1], zip(items[::2], items[1::2], strict=True))
            case "BINPUT" | "LONG_BINPUT":
                memo[argument] = stack[-1]
            case "MEMOIZE":
                memo[len(memo)] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(memo[argument])
            case "GLOBAL":
                module, _, name = str(argument).partition(" ")
                stack.append(_look_up(module, name, known))
            case "STACK_GLOBAL":
                name, module = stack.pop(), stack.pop()
                stack.append(_look_up(module, name, known))
            case "REDUCE":
                arguments, function = stack.pop(), stack.pop()
                stack.append(_call(function, arguments))
            case "BUILD":
                # Attributes of a state dict, such as its version numbers (`_metadata`): dropped.
                stack.pop()
                if type(stack[-1]) is not dict:
                    raise RefusedError(
                        f"its pickle sets attributes (BUILD) of a {type(stack[-1]).__name__}"
                    )
            case "BINPERSID" if persistent:
                stack.append(persistent(stack.pop()))
            case "STOP":
                return stack.pop()
            case name:
                wanted = f"{name} {argument}"[:100] if isinstance(argument, str) else name
                raise RefusedError(f"its pickle has the instruction {wanted!r}")
    raise AssertionError("genops ends with STOP or raises")  # pragma: no cover


def _look_up(module: Any, name: Any, known: Mapping[str, Any]) -> Any:
    if not (isinstance(module, str) and isinstance(name, str)):
        raise TypeError("a global is named by text")
    full = f"{module}.{name}"
    if full not in known:
        raise RefusedError(f"it asks for {full[:100]!r}")
    return known[full]


def _call(function: Any, arguments: Any) -> Any:
    if not callable(function) or not isinstance(arguments, tuple):
        raise RefusedError(f"its pickle calls (REDUCE) a {type(function).__name__}")
    return function(*arguments)


def _extend(target: Any, values: list[Any]) -> None:
    if type(target) is not list:
        raise TypeError(f"the pickle appends to a {type(target).__name__}")
    target.extend(values)


def _set_items(target: Any, pairs: Any) -> None:
    if type(target) is not dict:
        raise TypeError(f"the pickle sets items of a {type(target).__name__}")
    for key, value in pairs:
        # Hashing a tuple walks through all it holds: a pair of pairs of pairs … takes for ever.
        if not isinstance(key, str | int):
            raise TypeError(f"the pickle has a dict with a {type(key).__name__} for a key")
        target[key] = value
