# SPDX-License-Identifier: GPL-2.0-only
"""Every small change of a C source: one token or sizeof other than it is.

Works on the text alone, by the kernel's style of spacing: `a * b` is a product, `*b` follows a pointer.
"""

import re
from dataclasses import dataclass

_TOKEN = re.compile(r"""
    (?P<comment>/\*.*?\*/|//[^\n]*)
  | (?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
  | (?P<number>\b(?:0x[0-9a-fA-F]+|[0-9]+)(?:[uU]?[lL]{0,2})\b)
  | (?P<name>[A-Za-z_]\w*)
  | (?P<operator><<=|>>=|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|[-+*/%&|^~!<>=?:])
""", re.VERBOSE | re.DOTALL)

_SWAPS = {"<": ("<=", ">="), "<=": ("<", ">"), ">": (">=", "<="), ">=": (">", "<"), "==": ("!=",), "!=": ("==",),
          "&&": ("||",), "||": ("&&",), "+": ("-",), "-": ("+",), "*": ("/",), "/": ("*",), "%": ("*",),
          "<<": (">>",), ">>": ("<<",), "&": ("|",), "|": ("&",), "^": ("&",), "+=": ("-=", "="), "-=": ("+=",),
          "|=": ("&=", "="), "&=": ("|=",)}
_UNARY = ("!", "~", "-")
_BOTH_WAYS = {"true": "false", "false": "true"}

# Lines without behaviour of the program's own, and names whose value is no constant of ours.
_PASSED_OVER = re.compile(r"\s*(#\s*(include|ifndef|endif|pragma|undef)|_Static_assert|asm\b|char LICENSE)|"
                          r"#define \w+_H$")
_NO_CONSTANT = re.compile(r"^(SEC|NULL|VERDICTS|X|FATE_BIT_\w*|BPF_MAP_TYPE_\w+)$|_H$")
_CONSTANT = re.compile(r"^[A-Z][A-Z0-9_]+$")
_DEFINED = re.compile(r"^\s*#\s*define\s+(\w+)", re.MULTILINE)
_FUNCTION = re.compile(r"^[a-z_][^;=]*?\b(\w+)\(", re.MULTILINE)


@dataclass(frozen=True)
class Mutant:
    """One changed place. `where` names it, and stays when other lines come and go."""
    file: str
    line: int
    where: str
    source: str


def mutants_of(file, source, families):
    """All mutants of a source. families: see families_of()."""
    names, found = {}, []
    for at, end, other in _changes(source, families):
        where = f"{file}: {_function(source, at)}: {_line_with(source, at, end, other)}"
        names[where] = names.get(where, 0) + 1
        if names[where] > 1:
            where += f" #{names[where]}"
        found.append(Mutant(file, source.count("\n", 0, at) + 1, where, source[:at] + other + source[end:]))
    return found


def families_of(headers):
    """Constants that may be taken for one another, {name: another}: the names of each enum and of each prefix."""
    families = {}
    for text in headers:
        for body in re.findall(r"enum \w+ \{(.*?)\}", re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL), re.DOTALL):
            _chain(families, re.findall(r"\b([A-Z][A-Z0-9_]+)\b(?=\s*[=,\n])", body))
        verdicts = re.findall(r"^\s*X\((\w+), \"", text, re.MULTILINE)
        _chain(families, [f"VERDICT_{name}" for name in verdicts])
    return families


def _chain(families, names):
    if len(names) > 1:
        families.update(zip(names, [*names[1:], names[0]]))


def _changes(source, families):
    """(start, end, replacement) of each."""
    tokens = [match for match in _TOKEN.finditer(source) if match.lastgroup != "comment"]
    defined = {match.start(1) for match in _DEFINED.finditer(source)}
    for before, token in zip([None, *tokens], tokens):
        if _PASSED_OVER.match(_line_at(source, token.start())) or token.start() in defined:
            continue
        for other in _others(source, before, token, families):
            yield token.start(), token.start() + len(other[0]), other[1]


def _others(source, before, token, families):
    """(text replaced, replacement) of each change that begins with a token."""
    text = token.group()
    if token.lastgroup == "number":
        return [(text, other) for other in _numbers(text)]
    if token.lastgroup == "name":
        return _names(source, before, token, families)
    if token.lastgroup != "operator":
        return []
    spaced = source[token.start() - 1] in " \t\n" and source[token.end()] in " \t\n"
    if spaced:
        return [(text, other) for other in _SWAPS.get(text, ())]
    return [(text, "")] if text in _UNARY else []


def _numbers(text):
    digits = text.rstrip("uUlL")
    value, suffix, base = int(digits, 0), text[len(digits):], hex if digits.startswith("0x") else str
    return [base(other) + suffix for other in (value + 1, value - 1) if other >= 0]


def _names(source, before, token, families):
    text = token.group()
    if text in _BOTH_WAYS:
        return [(text, _BOTH_WAYS[text])]
    if text == "sizeof":
        whole = _sizeof(source, token.start())
        return [(whole, f"({whole} + 1)")]
    if not _CONSTANT.match(text) or _NO_CONSTANT.match(text) or source.startswith("##", token.end()):
        return []
    if before and before.group() == "enum":
        return []
    if text in families:
        return [(text, families[text])] if not _declares(source, token) else []
    if text.startswith("BPF_F_"):
        return [(text, "0")]
    return [(text, f"({text} + 1)")] if source[token.end()] != "(" else []


def _declares(source, token):
    """Whether the name stands in the enum that defines it."""
    return _line_at(source, token.start()).strip().startswith(token.group()) and \
        re.match(r"\s*(=\s*\w+)?,", source[token.end():]) is not None


def _sizeof(source, at):
    depth, end = 0, source.index("(", at)
    while True:
        depth += {"(": 1, ")": -1}.get(source[end], 0)
        end += 1
        if not depth:
            return source[at:end]


def _line_at(source, at):
    start = source.rfind("\n", 0, at) + 1
    return source[start:source.find("\n", at)]


def _line_with(source, at, end, other):
    """The line, with the change marked in it."""
    start, stop = source.rfind("\n", 0, at) + 1, source.find("\n", end)
    return " ".join(f"{source[start:at]}{{{source[at:end]} => {other}}}{source[end:stop]}".split())


def _function(source, at):
    """The function that a place is in, or `-` outside of all."""
    start = max(source.rfind("\n}", 0, at), 0)
    names = [match for match in _FUNCTION.finditer(source, start, at) if match.group(1) not in ("SEC", "__attribute__")]
    return names[-1].group(1) if names and source.find("\n{", names[-1].start(), at) >= 0 else "-"
