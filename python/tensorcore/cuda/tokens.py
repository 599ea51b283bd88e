"""Tokens of C++: words, numbers, strings and signs with their places."""

from __future__ import annotations

import re
from typing import NamedTuple

_TOKEN = re.compile(
    r"""
      (?P<space>[ \t\r\f\v]+|\\\r?\n)
    | (?P<newline>\n)
    | (?P<comment>//(?:\\\r?\n|[^\n])*|/\*.*?(?:\*/|\Z))
    | (?P<string>(?:u8|[uUL])?R"(?P<mark>[^()\\\s]*)\(.*?\)(?P=mark)"|(?:u8|[uUL])?"(?:\\.|[^"\\\n])*"
                |(?:u8|[uUL])?'(?:\\.|[^'\\\n])+')
    | (?P<number>\.?\d(?:[eEpP][+-]|'?[\w.])*)
    | (?P<word>[^\W\d]\w*)
    | (?P<sign><<<|::|->|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_DIRECTIVE = re.compile(r"#(?:\\\r?\n|/\*.*?\*/|//[^\n]*|[^\n])*", re.DOTALL)


class Token(NamedTuple):
    """A word, number, string or sign of the source."""

    kind: str
    text: str
    start: int
    end: int
    line: int


class Tokens(NamedTuple):
    """What the compiler reads, and what it does not."""

    code: list[Token]
    comments: list[Token]
    directives: list[Token]


def tokenize(source: str) -> Tokens:
    """The tokens of a source; preprocessor lines are kept whole, and apart."""
    code: list[Token] = []
    comments: list[Token] = []
    directives: list[Token] = []
    at, line, fresh = 0, 1, True  # fresh: nothing but space since the line began
    while at < len(source):
        if fresh and source[at] == "#":
            found = _DIRECTIVE.match(source, at)
            kind, into = "directive", directives
        else:
            found = _TOKEN.match(source, at)
            kind = (found and found.lastgroup) or ""
            into = comments if kind == "comment" else code
        assert found
        text = found[0]
        if kind not in ("space", "newline"):
            into.append(Token(str(kind), text, at, found.end(), line))
        fresh = kind == "newline" or (fresh and kind in ("space", "comment"))
        line += text.count("\n")
        at = found.end()
    return Tokens(code, comments, directives)


def spell(tokens: tuple[str, ...]) -> str:
    """Tokens as a person would write them."""
    text = " ".join(tokens)
    return re.sub(r" ?(::|<|\[|\]|\() ?| ?(>|,|\)|\*|&)", lambda m: m[1] or m[2], text).replace(",", ", ")


def split(tokens: list[Token]) -> list[list[Token]]:
    """Pieces of a list between commas outside brackets."""
    pieces: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        depth += (token.text in "([{<" and token.kind == "sign") - (token.text in ")]}>" and token.kind == "sign")
        if token.text == "," and depth == 0:
            pieces.append([])
        else:
            pieces[-1].append(token)
    return [piece for piece in pieces if piece]


def closing(code: list[Token], at: int) -> int:
    """The index of the bracket that closes the one at `at`; the last token's if there is none."""
    opening, ending = code[at].text, {"(": ")", "[": "]", "{": "}", "<": ">"}[code[at].text]
    depth = 0
    for i in range(at, len(code)):
        if code[i].kind != "sign":
            continue
        depth += (code[i].text == opening) - (code[i].text == ending)
        if depth == 0:
            return i
    return len(code) - 1
