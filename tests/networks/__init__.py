# SPDX-License-Identifier: GPL-2.0-only
"""End-to-end tests: networks of namespaces on one machine, with live traffic through ipipbpf."""
