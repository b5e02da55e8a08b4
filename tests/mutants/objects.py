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
_ALLOCATED, _EXECUTABLE = 2, 4
_SYMBOLS, _REL = 2, 9
_GLOBAL_FUNCTION = 1 << 4 | 2


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
        self._includes, self._right = {}, {}
        # The smaller object first: a bug in both may show in it, and the other need not be compiled.
        for source in sorted(self.original.glob("*.bpf.c"), key=lambda path: path.stat().st_size):
            name = source.name.removesuffix(".c")
            if not self._compile(self.original, name):
                raise RuntimeError(f"bpf/{source.name} does not compile as it is")
            made_of = (self.original / f"{name}.d").read_text().split()
            self._includes[name] = {Path(file).name for file in made_of if Path(file).parent == self.original}
            self._right[name] = self._digests(self.original / f"{name}.o")

    def programs(self):
        """The names of all programs."""
        return [program for digests in self._right.values() for program in digests]

    @contextlib.contextmanager
    def changed(self, changes):
        """A directory of sources, with changes, {file: text}, in place of those files, and of the right objects."""
        directory = self._write(f"changed{next(self._numbers)}", changes)
        for name in self._right:
            os.link(self.original / f"{name}.o", directory / f"{name}.o")
        yield directory
        shutil.rmtree(directory)

    def objects_of(self, file):
        """The objects that a source is part of."""
        return [name for name, files in self._includes.items() if file in files]

    def make(self, directory, name):
        """Puts the object of the directory's sources in its place: the programs that changed; None if clang refuses."""
        (directory / f"{name}.o").unlink()
        if not self._compile(directory, name):
            return None
        right, found = self._right[name], self._digests(directory / f"{name}.o")
        return [program for program in {**right, **found} if right.get(program) != found.get(program)]

    def _write(self, name, changes):
        directory = self._scratch / name
        directory.mkdir()
        for file, text in {**self._sources, **changes}.items():
            (directory / file).write_text(text)
        return directory

    def _compile(self, directory, name):
        """True if clang takes it."""
        return subprocess.run([*self._command, "-MMD", "-MF", directory / f"{name}.d", "-o", directory / f"{name}.o",
                               directory / f"{name}.c"], cwd=self._scratch, stderr=subprocess.DEVNULL).returncode == 0

    def _digests(self, object_file):
        """For each program a digest of all that the kernel is given of it: code, data, maps; not its source lines."""
        types = subprocess.run([*self._bpftool, "btf", "dump", "file", object_file], check=True,
                               capture_output=True).stdout
        elf = Elf(object_file.read_bytes())
        shared = hashlib.sha256(b"".join([types, *elf.shared()]))
        found = {}
        for program, parts in elf.programs():
            found[program] = shared.copy()
            found[program].update(parts)
        return {program: digest.digest() for program, digest in found.items()}


class Elf:
    """What the kernel is given of an object file: sections, and the places in them that the loader fills in."""

    def __init__(self, data):
        self._data = data
        table, = struct.unpack_from("<Q", data, 40)
        size, count, names_index = struct.unpack_from("<HHH", data, 58)
        self._sections = [struct.unpack_from("<IIQQQQII", data, table + size * at) for at in range(count)]
        self._names = self._sections[names_index][4]
        symbols = next(section for section in self._sections if section[1] == _SYMBOLS)
        strings = self._sections[symbols[6]][4]
        self._symbols = [(self._text(strings + name), info, place, value, length)
                         for name, info, _, place, value, length in struct.iter_unpack("<IBBHQQ",
                                                                                       self._contents(symbols))]

    def programs(self):
        """(name, code and relocations) of each."""
        for name, info, place, start, length in self._symbols:
            if info == _GLOBAL_FUNCTION and self._is_of_programs(place):
                code = self._contents(self._sections[place])[start:start + length]
                relocations = [(at - start, *rest) for at, *rest in self._relocations(place)
                               if start <= at < start + length]
                yield name, code + repr(relocations).encode()

    def shared(self):
        """Names, contents and relocations of the sections that all programs of the object use."""
        for place, section in enumerate(self._sections):
            if section[2] & _ALLOCATED and not self._is_of_programs(place):
                said = repr((self._name(place), list(self._relocations(place))))
                yield said.encode() + self._contents(section)

    def _is_of_programs(self, place):
        """Functions that are no programs lie in .text."""
        return place < len(self._sections) and self._sections[place][2] & _EXECUTABLE and self._name(place) != ".text"

    def _relocations(self, place):
        for section in self._sections:
            if section[1] == _REL and section[7] == place:
                for at, info in struct.iter_unpack("<QQ", self._contents(section)):
                    yield at, info & 0xFFFFFFFF, self._symbols[info >> 32]

    def _name(self, place):
        return self._text(self._names + self._sections[place][0])

    def _contents(self, section):
        return self._data[section[4]:section[4] + section[5]]

    def _text(self, at):
        return self._data[at:self._data.index(b"\0", at)].decode()
