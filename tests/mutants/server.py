# SPDX-License-Identifier: GPL-2.0-only
"""Runs the program tests on one build after the other, each in a child that has them collected already.

Reads {"directory": of the objects, "changed": which programs} a line; writes {"test": what noticed, or null,
"error": how} a line. Tests of other programs alone cannot notice, and are left out. The argument is the CPU to run
on. The first build must be right: the time that each test takes with it gives them their order.
"""

import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest

_TESTS = Path(__file__).resolve().parents[1] / "programs"
# Programs have fixtures of their names; a hook may be a test's parameter.
_PROGRAMS = {"xdp": "decap_xdp", "tc": "decap_tc", "egress": "encap"}
_MIGHTY = "test_random_packets_agree_with_the_reference"
_QUICK = 0.2  # seconds of a test that may come first because it, or one of its file, noticed something
_ENOUGH = 600  # seconds for one build; the tests take a small part of it


class Server:
    """A pytest plugin: its loop over the tests is one over builds."""

    def __init__(self, requests, answers):
        self._requests, self._answers = requests, answers
        self._noticed = None
        self._tests, self._times = [], {}

    def pytest_runtestloop(self, session):
        if session.testsfailed:
            raise session.Interrupted("not all tests can be collected")
        self._tests = list(session.items)
        for line in self._requests:
            answer = self._in_child(json.loads(line))
            if self._times:
                self._bring_forward(answer["test"])
            else:
                self._sort(answer["times"])
            self._answers.write(json.dumps(answer) + "\n")
            self._answers.flush()
        return True

    def _sort(self, times):
        """What notices most, then from the quickest to the slowest."""
        self._times = times
        self._tests.sort(key=lambda test: (test.name != _MIGHTY, times.get(test.nodeid, 0)))

    def _bring_forward(self, name):
        """What noticed the last bug will likely notice the next one, or else another test of that file; the slow stay."""
        def place(test):
            if test.nodeid.split("::")[0] != file or self._times.get(test.nodeid, 0) >= _QUICK:
                return 2
            return int(test.nodeid != name)

        if name in self._times:
            file = name.split("::")[0]
            self._tests.sort(key=place)

    def _in_child(self, build):
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            os.close(reader)
            signal.alarm(_ENOUGH)
            answer = json.dumps(self._try(Path(build["directory"]), set(build["changed"]))).encode()
            with open(writer, "wb") as pipe:
                pipe.write(answer)
            os._exit(0)
        os.close(writer)
        with open(reader, "rb") as pipe:
            said = pipe.read()
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if not said:
            return {"test": "(none to its end)", "error": f"exit status {status}", "times": {}}
        return json.loads(said)

    def _try(self, directory, changed):
        from programs import attachment, underlay
        attachment.BUILD = directory
        with underlay.namespace():
            underlay.namespace = contextlib.nullcontext  # one for all modules, as their tests come in no order
            return self._first_to_notice([test for test in self._tests if _may_notice(test, changed)])

    def _first_to_notice(self, tests):
        times = {}
        for test, following in zip(tests, [*tests[1:], None]):
            started = time.process_time()
            test.config.hook.pytest_runtest_protocol(item=test, nextitem=following)
            if self._noticed:
                return {**self._noticed, "times": {}}
            times[test.nodeid] = time.process_time() - started
        return {"test": None, "error": None, "times": times}

    def pytest_runtest_makereport(self, item, call):
        if call.excinfo and not self._noticed:
            self._noticed = {"test": item.nodeid, "error": call.excinfo.exconly()}


def _may_notice(test, changed):
    """Whether a test runs a program that changed. One that names no program may run all."""
    runs = {name for name in test.fixturenames if name in _PROGRAMS.values()}
    if hasattr(test, "callspec"):
        runs |= {_PROGRAMS[value] for value in test.callspec.params.values() if value in list(_PROGRAMS)}
    return not runs or not runs.isdisjoint(changed) or not changed <= set(_PROGRAMS.values())


def main():
    """Requests come on standard input and answers go to standard output, which nobody else may have."""
    os.sched_setaffinity(0, {int(sys.argv[1])})
    requests, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    words = ["-q", "-s", "--tb=no", "-p", "no:cacheprovider", str(_TESTS)]
    return pytest.main(words, plugins=[Server(requests, answers)])


if __name__ == "__main__":
    sys.exit(main())
