# SPDX-License-Identifier: GPL-2.0-only
"""A pytest plugin for slow machines: of each test function some cases, on one hook of the kernel after the other.

What is left out are other values on the same way through the kernel. `make check` has them all.
"""

from collections import defaultdict

# What says where the programs run.
_HOOKS = ("decap", "mode")
# Files of which every function runs on every hook.
_EVERY_HOOK = ("test_two_hosts.py",)
# How many values of a function's are tried, by its file or folder. A program test takes a hundredth of the time that one
# with a network does.
_MOST_VALUES = {"test_segments.py": 4, "test_two_hosts.py": 3, "dispatcher.py": 4, "vm": 2, "programs": 2,
                "networks": 1}


def _coordinates(item):
    """(hook, value) of a case, as far as its function has such."""
    values = sorted((name, id(value)) for name, value in item.callspec.params.items())
    return tuple(tuple(value for value in values if (value[0] in _HOOKS) == of_hook) for of_hook in (True, False))


def _spread(values, most):
    """No more than that many of them, evenly spread, with the last."""
    most = min(most, len(values))
    return [values[number * len(values) // most - 1] for number in range(1, most + 1)]


def _some_of(items, turn):
    """Of one function's cases some values, each on the hook whose turn it is."""
    cases = {_coordinates(item): item for item in items}
    hooks, values = (list(dict.fromkeys(coordinates)) for coordinates in zip(*cases))
    path = items[0].path
    values = _spread(values, _MOST_VALUES.get(path.name) or _MOST_VALUES[path.parent.name])
    rounds = max(len(values), len(hooks) if path.name in _EVERY_HOOK else 1)
    chosen = set()
    for number in range(rounds):
        value, start = values[number % len(values)], (turn + number) % len(hooks)
        chosen.add(next(cases[hook, value] for hook in hooks[start:] + hooks[:start] if (hook, value) in cases))
    return chosen


def pytest_collection_modifyitems(config, items):
    functions = defaultdict(list)
    for item in items:
        if hasattr(item, "callspec"):
            functions[item.path, item.originalname].append(item)
    chosen = {item for turn, each in enumerate(functions.values()) for item in _some_of(each, turn)}
    left_out = {item for each in functions.values() for item in each} - chosen
    config.hook.pytest_deselected(items=list(left_out))
    items[:] = [item for item in items if item not in left_out]
