# SPDX-License-Identifier: GPL-2.0-only
"""The benchmark's C parts, compiled into build/bench/. A virtual machine has no compiler, but what was compiled here."""
import functools
import os
import pathlib
import shlex
import shutil
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
OUTPUT = HERE.parents[1] / "build" / "bench"
ROOT = HERE.parents[1]
BPF_HEADERS = ("vmlinux", "include", "bpf")
HEADERS = sorted(header for folder in (HERE, *(ROOT / name for name in BPF_HEADERS)) for header in folder.glob("*.h"))


def _is_fresh(source, target):
    return target.exists() and all(target.stat().st_mtime >= file.stat().st_mtime for file in (source, *HEADERS))


def _compile(compiler, source, target, *words):
    if shutil.which(compiler[0]) and not _is_fresh(HERE / source, OUTPUT / target):
        OUTPUT.mkdir(parents=True, exist_ok=True)
        subprocess.run([*compiler, "-O2", "-Wall", "-Wextra", "-Wno-unused-parameter", "-o", OUTPUT / target,
                        HERE / source, *words], check=True)
    return str(OUTPUT / target)


def _c_compiler():
    return shlex.split(os.environ.get("CC", "gcc"))


@functools.cache
def program(name):
    """The path of a program made of NAME.c."""
    return _compile(_c_compiler(), f"{name}.c", name)


@functools.cache
def library(name):
    """The path of a shared library made of NAME.c, which calls libbpf."""
    return _compile(_c_compiler(), f"{name}.c", f"{name}.so", "-shared", "-fPIC", "-lbpf")


@functools.cache
def bpf_object(name):
    """The path of a BPF object made of NAME.bpf.c."""
    compiler = [*shlex.split(os.environ.get("CLANG", "clang")), "-target", "bpf", "-mcpu=v2", "-g",
                "-std=gnu11", *(word for name in BPF_HEADERS for word in ("-iquote", str(ROOT / name)))]
    return _compile(compiler, f"{name}.bpf.c", f"{name}.bpf.o", "-c")
