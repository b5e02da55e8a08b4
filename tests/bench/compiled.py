# SPDX-License-Identifier: GPL-2.0-only
"""The benchmark's C parts, compiled into build/bench/."""
import functools
import os
import pathlib
import shlex
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
OUTPUT = HERE.parents[1] / "build" / "bench"


def _compile(source, target, *words):
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
