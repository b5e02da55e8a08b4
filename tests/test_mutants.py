# SPDX-License-Identifier: GPL-2.0-only
"""The lists of `make mutants`: what they name is in bpf/, also after that was written anew."""
import importlib
import pathlib

import pytest

TESTS = pathlib.Path(__file__).parent


@pytest.fixture
def mutants(monkeypatch):
    """Takes a module of tests/mutants, which are no package."""
    monkeypatch.syspath_prepend(TESTS / "mutants")
    return importlib.import_module


def texts(folder):
    return {path.name: path.read_text() for path in sorted((TESTS.parent / folder).iterdir())}


def test_each_chosen_bug_has_its_place(mutants):
    chosen = mutants("chosen")
    assert len(chosen.chosen_mutants(texts("bpf"))) == len(chosen.BUGS)


def test_each_survivor_is_a_mutant_that_there_is(mutants):
    mutate, sources = mutants("mutate"), texts("bpf")
    families = mutate.families_of([*texts("include").values(), *sources.values()])
    places = {mutant.where for file, source in sources.items() for mutant in mutate.mutants_of(file, source, families)}
    assert mutants("survivors").listed_survivors().keys() - places == set()
