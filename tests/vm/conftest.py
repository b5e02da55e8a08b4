# SPDX-License-Identifier: GPL-2.0-only
"""Fixtures for the tests in this folder, which `make check-vm` runs in its machines."""
from networks.fixtures import mode, two_hosts  # noqa: F401
