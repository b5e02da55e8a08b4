# SPDX-License-Identifier: GPL-2.0-only
"""What the fuzzers of the loader's parsers are linked with."""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parent.parent


def functions(path, end):
    """The functions that a source declares or defines, by what ends the line that names one."""
    return set(re.findall(rf"^(?:__attribute__.*\)\) )?[a-z][a-z ]*[ *](\w+)\([^;{{]*\){end}",
                          (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE))


def test_the_stand_in_for_what_fails_has_all_its_functions():
    """Else the linker takes the real one beside it, and finds everything twice."""
    declared = functions("loader/fail.h", ";")
    assert {"fail", "wrong", "warn", "fail_at", "fail_as_root"} <= declared
    assert declared <= functions("tests/fuzz/messages.c", r"\n\{")
