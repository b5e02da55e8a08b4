# SPDX-License-Identifier: GPL-2.0-only
"""Probes: what a line of the standards asks for, asked of any end of a tunnel. A probe for 2003-1 is called
probe_2003_1_...; it is given a Tunnel, and returns True, or With(words), or what happens instead, in a few words.
"""

from .probed import Refused


class With(str):
    """It is as the line asks, with these words."""


class Tunnel:
    """An implementation's end, called with the words that the tunnel is to be laid with."""

    def __init__(self, implementation):
        self._end, self._taught = implementation(), False

    def __call__(self, words=""):
        """A tunnel that may have carried packets, but has learnt nothing of its path."""
        if self._taught or words != self._end.words:
            self._lay(words)
        return self._end

    def anew(self, words=""):
        """A new one, for a probe that teaches it something."""
        self._lay(words)
        self._taught = True
        return self._end

    def _lay(self, words):
        self._end.lay(words)
        self._taught = False

    def delete(self):
        self._end.__exit__()


def at_best(tunnel, check, *settings):
    """True if the defaults pass the check; else the first of the settings that does; else what the defaults do."""
    result = check(tunnel())
    if result is True:
        return True
    for words in settings:
        if check(tunnel(words)) is True:
            return With(words)
    return result


def result_of(probe, tunnel):
    """"yes", or what happens instead."""
    try:
        result = probe(tunnel)
    except Refused:
        return "no such setting"
    if isinstance(result, With):
        return f"yes, with `{result}`"
    return "yes" if result is True else f"no: {result}"
