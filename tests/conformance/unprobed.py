# SPDX-License-Identifier: GPL-2.0-only
"""The lines that no probe looks at, and why what Linux ipip does there is not seen."""

UNPROBED = {}
