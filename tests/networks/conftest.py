# SPDX-License-Identifier: GPL-2.0-only
"""Fixtures for all the tests in this folder."""
from .fixtures import host, joined, mode, network, tunnel, two_hosts  # noqa: F401
