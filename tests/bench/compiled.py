# SPDX-License-Identifier: GPL-2.0-only
"""The benchmark's C parts, compiled into build/bench/. A virtual machine has no compiler, but what was compiled here."""
import functools
import os
import pathlib
import shlex
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
OUTPUT = HERE.parents[1] / "build" / "bench"
HEADERS = sorted(HERE.glob("*.h"))


def _is_fresh(source, target):
    return target.exists() and all(target.stat().st_mtime > file.stat().st_mtime for file in (source, *HEADERS))


def _compile(source, target, *words):
    if _is_fresh(HERE / source, OUTPUT / target):
        return str(OUTPUT / target)
    OUTPUT.mkdir(parents=True, exist_ok=True)
    compiler = shlex.split(os.environ.get("CC", "gcc"))
    subprocess.run([*compiler, "-O2", "-Wall", "-Wextra", "-o", OUTPUT / target, HERE / source, *words], check=True)
    return str(OUTPUT / target)


@functools.cache
def program(name):
    """The path of a program made of NAME.c."""
    return _compile(f"{name}.c", name)


@functools.cache
def library(name):
    """The path of a shared library made of NAME.c, which calls libbpf."""
    return _compile(f"{name}.c", f"{name}.so", "-shared", "-fPIC", "-lbpf")
