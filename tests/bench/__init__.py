# SPDX-License-Identifier: GPL-2.0-only
"""The benchmark: how fast the programs are, and the tunnel next to the same path without one."""
