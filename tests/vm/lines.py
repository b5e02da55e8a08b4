# SPDX-License-Identifier: GPL-2.0-only
"""A pytest plugin: one line for each test function, as soon as the last of its cases is done; below it, what was wrong
with the first case that failed, unless that was said before."""

from collections import Counter, defaultdict

import pytest

KINDS = ("passed", "failed", "skipped")


class Function:
    """What is known of a test function so far."""

    def __init__(self):
        self.left, self.seconds, self.cases, self.wrong = 0, 0, {}, None

    def add(self, report):
        self.seconds += report.duration
        if report.failed:
            self.cases[report.nodeid] = "failed"
            self.wrong = self.wrong or report
        elif report.skipped or report.when == "call":
            self.cases.setdefault(report.nodeid, report.outcome)

    def summary(self, nodeid):
        counts = Counter(self.cases.values())
        word = next(kind for kind in ("failed", "passed", "skipped") if counts[kind])
        path, _, name = nodeid.partition("::")
        cases = ", ".join(f"{counts[kind]} {kind}" for kind in KINDS if counts[kind])
        return f"{word:7} {path}: {name.removeprefix('test_').replace('_', ' ')} ({cases}, {self.seconds:.0f} s)"


class Lines:
    def __init__(self, plugins):
        self._plugins, self._functions, self._said = plugins, defaultdict(Function), set()

    def _of(self, nodeid):
        return self._functions[nodeid.split("[")[0]]

    def pytest_collection_finish(self, session):
        for item in session.items:
            self._of(item.nodeid).left += 1

    def pytest_runtest_logreport(self, report):
        self._of(report.nodeid).add(report)

    def pytest_runtest_logfinish(self, nodeid):
        function = self._of(nodeid)
        function.left -= 1
        if not function.left:
            self._say(function.summary(nodeid.split("[")[0]))
            self._say_wrong(function.wrong)

    def _say(self, line):
        self._plugins.getplugin("terminalreporter").write_line(line)

    def _say_wrong(self, report):
        if not report or report.longreprtext in self._said:
            return
        self._said.add(report.longreprtext)
        for line in (report.nodeid, *report.longreprtext.splitlines()):
            self._say(f"        {line}")

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self):
        """No letters, and no failures at the end: all is said by then."""
        return "", "", ""


def pytest_configure(config):
    config.pluginmanager.register(Lines(config.pluginmanager))
