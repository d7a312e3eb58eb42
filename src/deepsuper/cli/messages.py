"""What is wrong with a command line, in one line: jsonargparse's errors name its own classes, and no remedy."""

from __future__ import annotations

import re

KEY = re.compile(r'Parser key "([^"]+)":?')
VALUE = re.compile(r"(?:(?:Given|Got) value:|Unable to load config|Expected a dot import path string:) (.*)")
NESTED = re.compile(r"NestedArg\(key=.*, val='(.*)'\)")
NEED = re.compile(r"Expected (?:an? )?(?:<class '(\w+)'>|typing\.Literal\[(.*?)\](?=[.\n]|$))")
GROUP = re.compile(r"Unable to load config|Expected a dot import path|Not a valid subclass of")
UNKNOWN = re.compile(r"Option (.*) is not accepted")
NAMES = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "a text", "NoneType": "null"}


def explain(message: str) -> str:
    """An error of the parser as `option: need ..., got ...: remedy`; one that is not known, as it is on one line."""
    _, *parts = KEY.split(message)
    if not parts:
        return _one_line(message)
    key = _full_name(parts[::2])
    text = parts[-1] if GROUP.search(parts[-1]) or len(parts) == 2 else "".join(parts[1::2])
    value = VALUE.search(text)
    if (unknown := UNKNOWN.search(text)) is not None:
        return f"{key}: there is no option {unknown[1]}"
    if value is None:
        return _one_line(f"{key}:{parts[-1]}")
    got = nested[1] if (nested := NESTED.fullmatch(value[1])) else value[1].strip("'\"")
    if GROUP.search(text):
        return need_options(key, got)
    kinds = [_kind(kind, choices, got) for kind, choices in NEED.findall(text[: value.end()])]
    return f"{key}: need {' or '.join(kinds)}, got {got}" if kinds else _one_line(f"{key}:{parts[-1]}")


def need_options(key: str, got: object) -> str:
    """What to write where options of their own were given one value."""
    last = key.rpartition(".")[2]
    first = {"model": "name", "lc_weight": "value", "et_weight": "value", "objective": "method"}.get(last)
    if first is None:
        return f"{key}: need its options by name (--{key}.OPTION VALUE, or {last}: {{OPTION: VALUE}}), got {got}"
    return (
        f"{key}: need its options by name, got {got}: --{key}.{first} {got}, or {last}: {{{first}: {got}}} in a recipe"
    )


def _full_name(keys: list[str]) -> str:
    """The option that nested errors are about; some name it whole, some within what was named before."""
    name = keys[0]
    for key in keys[1:]:
        name = key if key.startswith(name) else f"{name}.{key}"
    return name


def _kind(kind: str, choices: str, got: str) -> str:
    if choices:
        return "one of " + choices.replace("'", "")
    return f"a list such as '[{got}]'" if kind == "list" else NAMES.get(kind, kind)


def _one_line(message: str) -> str:
    return re.sub(r"\s*\n[\s-]*", " ", message.strip())
