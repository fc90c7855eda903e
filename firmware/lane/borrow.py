"""Modules that are needed now and then: imported for a call, then forgotten, so that their tables leave the heap. At rest only."""

import sys


def call(module, function, *args):
    """`lane.MODULE.FUNCTION(*args)`; what was imported for it alone is forgotten afterwards."""
    before = list(sys.modules)
    try:
        return getattr(__import__("lane." + module, None, None, (function,)), function)(*args)
    finally:
        forget(before)


def forget(before):
    """Drop the modules of lane/ that were not there in `before`, a list of module names."""
    if sys.implementation.name != "micropython":
        return
    for name in list(sys.modules):
        if name[:5] == "lane." and name not in before:
            del sys.modules[name]
            if hasattr(sys.modules["lane"], name[5:]):
                delattr(sys.modules["lane"], name[5:])
