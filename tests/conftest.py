# SPDX-License-Identifier: GPL-2.0-only
"""The frame of all tests: they run as root, skip only with a probe's leave, and end with one line of totals."""

import functools
import os
import subprocess
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

_SKIPS = Path(__file__).with_name("skips.txt")
_outcomes = {}
_LEAVE = pytest.StashKey()


def pytest_sessionstart():
    if os.geteuid():
        pytest.exit("the tests load programs and make network namespaces: run them as root (sudo make check)", 1)


def _allowed_skips():
    lines = (line.strip() for line in _SKIPS.read_text().splitlines())
    return [tuple(part.strip() for part in line.split("|", 1)) for line in lines if line and not line.startswith("#")]


@functools.cache
def _probe_finds(probe):
    return subprocess.run(["sh", "-c", probe], cwd=_SKIPS.parent.parent, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode == 0


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    for pattern, probe in _allowed_skips():
        if fnmatchcase(item.nodeid, pattern) and _probe_finds(probe):
            item.stash[_LEAVE] = True
            pytest.skip(f"cannot run here: {probe}")


def _refuse_skip(report):
    report.outcome = "failed"
    if hasattr(report, "wasxfail"):
        del report.wasxfail
    report.longrepr = f"skipped without a probe's leave (tests/skips.txt): {report.longrepr}"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.skipped and _LEAVE not in item.stash:
        _refuse_skip(report)


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report(collector):
    report = (yield).get_result()
    if report.skipped:
        _refuse_skip(report)


def pytest_collectreport(report):
    if report.failed:
        _outcomes[report.nodeid] = "failed"


def pytest_runtest_logreport(report):
    if report.failed:
        _outcomes[report.nodeid] = "failed"
    elif report.skipped or report.when == "call":
        _outcomes.setdefault(report.nodeid, report.outcome)


def _is_worker(config):
    """One of several processes, of which another one knows how all tests ended."""
    return hasattr(config, "workerinput")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    """A run in which nothing passed shows nothing."""
    if session.exitstatus == 0 and not session.config.option.collectonly and not _is_worker(session.config) and \
            "passed" not in _outcomes.values():
        session.exitstatus = 1


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config):
    if not os.geteuid() and not _is_worker(config):
        totals = list(_outcomes.values())
        print(", ".join(f"{totals.count(kind)} {kind}" for kind in ("passed", "failed", "skipped")), flush=True)
