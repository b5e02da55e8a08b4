# SPDX-License-Identifier: GPL-2.0-only
"""BPF objects of a changed bpf/, compiled outside the tree with the Makefile's own flags."""

import contextlib
import hashlib
import itertools
import os
import shutil
import struct
import subprocess
from pathlib import Path

TREE = Path(__file__).resolve().parents[2]
PROGRAMS = ("xdp", "tc")
_ALLOCATED, _SYMBOLS, _REL = 2, 2, 9


def _make_says(variable):
    rule = f"said: ; @echo '$({variable})'"
    return subprocess.run(["make", "-s", f"--eval={rule}", "said"], cwd=TREE, capture_output=True, text=True,
                          check=True).stdout.split()


class Compiler:
    """Compiles into directories below `scratch`, from the tree as it is now."""

    def __init__(self, scratch):
        self._scratch = scratch
        self._numbers = itertools.count()
        for headers in ("include", "vmlinux"):
            shutil.copytree(TREE / headers, scratch / headers)
        self._command = [*_make_says("CLANG"), *_make_says("BPF_FLAGS"), "-w", "-c"]
        self._bpftool = _make_says("BPFTOOL")
        self._sources = {path.name: path.read_text() for path in (TREE / "bpf").iterdir()}
        self.original = self._write("original", {})
        self._includes = {}
        for program in PROGRAMS:
            if not self._compile_program(self.original, program):
                raise RuntimeError(f"bpf/{program}.bpf.c does not compile as it is")
            made_of = (self.original / f"{program}.d").read_text().split()
            self._includes[program] = {Path(file).name for file in made_of if Path(file).parent == self.original}

    @contextlib.contextmanager
    def compiled(self, changes):
        """The directory of the objects, with changes, {file: text}, in place of those files; None if clang refuses."""
        directory = self._write(f"changed{next(self._numbers)}", changes)
        yield directory if all(self._make_program(directory, program, changes) for program in PROGRAMS) else None
        shutil.rmtree(directory)

    def _write(self, name, changes):
        directory = self._scratch / name
        directory.mkdir()
        for file, text in {**self._sources, **changes}.items():
            (directory / file).write_text(text)
        return directory

    def _make_program(self, directory, program, changes):
        if not self._includes[program].isdisjoint(changes):
            return self._compile_program(directory, program)
        os.link(self.original / f"{program}.bpf.o", directory / f"{program}.bpf.o")
        return True

    def _compile_program(self, directory, program):
        """True if clang takes it."""
        object_file, source = directory / f"{program}.bpf.o", directory / f"{program}.bpf.c"
        return subprocess.run([*self._command, "-MMD", "-MF", directory / f"{program}.d", "-o", object_file, source],
                              cwd=self._scratch, stderr=subprocess.DEVNULL).returncode == 0

    def fingerprints(self, directory):
        """A digest of each object, of all that the kernel is given: code, read-only data, maps; not of source lines."""
        return {program: self._fingerprint(directory / f"{program}.bpf.o") for program in PROGRAMS}

    def _fingerprint(self, object_file):
        digest = hashlib.sha256()
        for section in _loaded_sections(object_file.read_bytes()):
            digest.update(section)
        digest.update(subprocess.run([*self._bpftool, "btf", "dump", "file", object_file], check=True,
                                     capture_output=True).stdout)
        return digest.digest()


def _loaded_sections(elf):
    """Names and contents of the sections that the kernel gets, and the places in them that the loader fills in."""
    table, = struct.unpack_from("<Q", elf, 40)
    size, count, names_index = struct.unpack_from("<HHH", elf, 58)
    sections = [struct.unpack_from("<IIQQQQII", elf, table + size * at) for at in range(count)]
    names = sections[names_index][4]

    def contents(section):
        return elf[section[4]:section[4] + section[5]]

    symbols, strings = next((section, sections[section[6]][4]) for section in sections if section[1] == _SYMBOLS)

    def symbol(index):
        name, info, _, place, value, _ = struct.unpack_from("<IBBHQQ", elf, symbols[4] + 24 * index)
        return elf[strings + name:elf.index(b"\0", strings + name)], info & 15, place, value

    for section in sections:
        name = elf[names + section[0]:elf.index(b"\0", names + section[0])]
        if section[2] & _ALLOCATED:
            yield name + contents(section)
        elif section[1] == _REL and sections[section[7]][2] & _ALLOCATED:
            relocations = struct.iter_unpack("<QQ", contents(section))
            yield repr([(at, info & 0xFFFFFFFF, symbol(info >> 32)) for at, info in relocations]).encode()
