"""Reading CUDA C++: which kernels a source has, their parameters, and its __shared__ declarations rewritten.

The executor's host compiler knows `__shared__` no more than any C++ compiler, and no macro can stand for it. So its
declarations are found by a small reader of tokens and scopes, which leaves everything else, line numbers included,
as it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .tokens import Token, Tokens, closing, spell, split, tokenize

_BUILTIN = frozenset(("void", "bool", "char", "short", "int", "long", "float", "double", "signed", "unsigned", "auto"))
_CV = frozenset(("const", "volatile"))
_WITH_PARENTHESES = frozenset(
    ("alignas", "__align__", "__attribute__", "__launch_bounds__", "__maxnreg__", "decltype", "__declspec")
)
_ALIGNMENT = frozenset(("alignas", "__align__"))
_CLASS = frozenset(("struct", "class", "union", "enum"))


@dataclass(frozen=True)
class Parameter:
    """One parameter of a kernel as it is written: `type` without name and default."""

    name: str
    type: tuple[str, ...]

    def __str__(self) -> str:
        return f"{spell(self.type)} {self.name}".strip()


@dataclass(frozen=True)
class Declared:
    """A kernel definition."""

    name: str
    qualified: str
    template: tuple[tuple[Token, ...], ...] | None  # its template parameters
    parameters: tuple[Parameter, ...]
    line: int
    comment: str


@dataclass
class Scope:
    """An open brace: what it belongs to, and where the statement around it began."""

    kind: str  # namespace, class, function, block or part (of a statement that goes on after the closing brace)
    names: tuple[str, ...]
    statement: int
    parentheses: int


@dataclass
class Function:
    """A function's body: tokens [begin, end), and the tokens of its head."""

    head: tuple[int, int]
    begin: int
    end: int


@dataclass(frozen=True)
class Shared:
    """One __shared__ variable, or with `dynamic` the name given to the launch's dynamic shared memory."""

    name: str
    type: str  # a declaration that names it `<name>_shared_type`
    alignments: tuple[str, ...]
    dynamic: bool

    def type_text(self) -> str:
        """The half that can stand anywhere."""
        text = ""
        if self.dynamic:
            return f"TC_SIMT_DYNAMIC_TYPE({self.name}, {self.type});"
        if self.alignments:
            text = f"struct {' '.join(f'alignas({a})' for a in self.alignments)} {self.name}_shared_alignment {{}}; "
        return f"{text}TC_SIMT_SHARED_TYPE({self.name}, {self.type});"

    def variable_text(self) -> str:
        """The half that must stand in a function."""
        if self.dynamic:
            return f"TC_SIMT_DYNAMIC({self.name});"
        return f"TC_SIMT_SHARED({self.name}, {f'alignof({self.name}_shared_alignment)' if self.alignments else '1'});"


@dataclass
class Source:
    """A source that has been read."""

    text: str
    kernels: list[Declared] = field(default_factory=list)
    aliases: dict[str, tuple[str, ...]] = field(default_factory=dict)  # using, typedef and #define of single types
    tokens: Tokens = field(default_factory=lambda: Tokens([], [], []))
    changes: list[tuple[int, int, str]] = field(default_factory=list)

    def rewritten(self) -> str:
        """The source for a host compiler; every token that stays is on the line it was on."""
        out, at = [], 0
        for start, end, text in sorted(self.changes):
            out += [self.text[at:start], text, "\n" * self.text.count("\n", start, end)]
            at = end
        return "".join([*out, self.text[at:]])


class _Reader:
    def __init__(self, text: str) -> None:
        self.source = Source(text, tokens=tokenize(text))
        self.code = self.source.tokens.code
        self.scopes: list[Scope] = []
        self.functions: list[Function] = []
        self.of_file: list[tuple[int, Shared]] = []
        self.understood: set[int] = set()  # the __shared__ tokens that have been read

    def fail(self, token: Token, what: str) -> ValueError:
        return ValueError(f"compile: line {token.line}: {what}")

    def read(self) -> Source:
        for directive in self.source.tokens.directives:
            if re.search(r"\b__shared__\b", directive.text):
                raise self.fail(directive, "__shared__ inside a macro cannot be followed; write the declaration out")
            if simple := re.match(r"#\s*define\s+(\w+)\s+([\w ]+?)\s*(?://.*|/\*.*)?$", directive.text):
                self.source.aliases[simple[1]] = tuple(simple[2].split())
        start = parentheses = 0
        for i, token in enumerate(self.code):
            if token.kind == "word" and token.text == "__noinline__" and self.code[i - 1].text != "(":
                self.source.changes.append((token.start, token.end, "__attribute__((noinline))"))
            if token.kind != "sign":
                continue
            if token.text == "<<<":
                raise self.fail(token, "launches from host code (`<<<`) are not compiled; give the kernels alone")
            if token.text in "([":
                parentheses += 1
            elif token.text in ")]":
                parentheses -= 1
            elif token.text == "{":
                scope = self.open_scope(start, i, parentheses)
                self.scopes.append(scope)
                parentheses, start = 0, i + 1
            elif token.text == "}" and self.scopes:
                scope = self.scopes.pop()
                parentheses = scope.parentheses
                start = scope.statement if scope.kind in ("class", "part") else i + 1
                if scope.kind == "function":
                    self.functions[-1].end = i
            elif token.text == ";" and parentheses == 0:
                self.statement(start, i)
                start = i + 1
        self.use_file_variables()
        return self.source

    # ---- scopes

    def in_function(self) -> bool:
        return any(scope.kind == "function" for scope in self.scopes)

    def open_scope(self, start: int, at: int, parentheses: int) -> Scope:
        head = self.code[start:at]
        words = [t.text for t in head]
        if parentheses or not head:
            return Scope("part" if parentheses else "block", (), start, parentheses)
        if "namespace" in words[:2]:
            after = words[words.index("namespace") + 1 :]
            return Scope("namespace", tuple(w for w in after if w != "::"), start, 0)
        if words[0] == "extern" and len(head) == 2:
            return Scope("namespace", (), start, 0)
        after_template = start
        while self.code[after_template].text == "template":
            after_template = closing(self.code, after_template + 1) + 1
        if self.is_class(after_template, at):
            return Scope("class", (), start, 0)
        if self.in_function():
            goes_on = "=" in words or words[-1] in ("]", ">") or words[0] in ("return", "throw")
            plain = words[-1] in (")", "else", "do", "try") or words[-1] == ":" or words[0] in ("if", "for", "while")
            return Scope("block" if plain and not goes_on else "part", (), start, 0)
        words = words[after_template - start :]
        if "(" in words and words[-1] != "=" and "=" not in words[: words.index("(")]:
            if "__global__" in words:
                self.kernel(start, after_template, at)
            self.functions.append(Function((start, at), at + 1, len(self.code)))
            return Scope("function", (), start, 0)
        return Scope("part", (), start, 0)

    def is_class(self, start: int, end: int) -> bool:
        i = start
        while i < end:
            text = self.code[i].text
            if text in _CLASS:
                return True
            if text in _WITH_PARENTHESES and i + 1 < end:
                i = closing(self.code, i + 1)
            elif text in ("(", "="):
                return False
            i += 1
        return False

    # ---- kernels

    def kernel(self, start: int, after_template: int, end: int) -> None:
        at = after_template
        while at < end and not (self.code[at].kind == "word" and self.code[at + 1].text == "("):
            at += 1
            if self.code[at].text in _WITH_PARENTHESES:
                at = closing(self.code, at + 1) + 1
        if at >= end:
            return  # a specialisation of a template, or nothing we know
        template = None
        if after_template > start:
            inside = self.code[start + 2 : closing(self.code, start + 1)]
            template = tuple(tuple(piece) for piece in split(inside))
            if not template:
                return
        name = self.code[at].text
        spaces = [n for scope in self.scopes for n in scope.names]
        parameters = tuple(self.parameter(piece) for piece in split(self.code[at + 2 : closing(self.code, at + 1)]))
        if len(parameters) == 1 and parameters[0].type == () and parameters[0].name == "void":
            parameters = ()
        self.source.kernels.append(
            Declared(
                name, "::".join([*spaces, name]), template, parameters, self.code[at].line, self.comment_before(start)
            )
        )

    def parameter(self, piece: list[Token]) -> Parameter:
        texts = [t.text for t in piece]
        if "=" in texts:
            texts = texts[: texts.index("=")]
        kept: list[str] = []
        depth = 0
        for text in texts:
            depth += (text == "[") - (text == "]")
            if (
                depth == 0
                and text != "]"
                and text not in ("__restrict__", "__restrict", "__grid_constant__", "restrict")
            ):
                kept.append(text)
        is_array = "[" in texts and texts[0] != "["
        names = [i for i, t in enumerate(kept) if re.match(r"[^\W\d]", t) and t not in _CV]
        name = ""
        # The last word is the name unless it is the type itself: `const float*`, `unsigned int`.
        if names and (names[-1] > 0 or not kept) and kept[-1] == kept[names[-1]]:
            before = kept[names[-1] - 1]
            if before != "::" and kept[names[-1]] not in _BUILTIN and (set(kept[: names[-1]]) - _CV):
                name = kept.pop(names[-1])
        if is_array:
            kept.append("*")
        if not name and kept == ["void"]:
            return Parameter("void", ())
        return Parameter(name, tuple(kept))

    def comment_before(self, start: int) -> str:
        """The comment that ends right above the statement, without its marks."""
        begin = self.code[start].start
        lines: list[str] = []
        for comment in reversed(self.source.tokens.comments):
            if comment.end > begin:
                continue
            between = self.source.text[comment.end : begin]
            if between.strip() or between.count("\n") > 1:
                break
            line_start = self.source.text.rfind("\n", 0, comment.start) + 1
            if self.source.text[line_start : comment.start].strip():
                break
            body = comment.text[2:] if comment.text.startswith("//") else comment.text[2:-2]
            lines[:0] = [re.sub(r"^\s*[/*]* ?", "", line).rstrip() for line in body.split("\n")]
            begin = comment.start
        return "\n".join(lines).strip()

    # ---- statements

    def statement(self, start: int, end: int) -> None:
        tokens = self.code[start:end]
        words = [t.text for t in tokens]
        new = [i for i in range(start, end) if self.code[i].text == "__shared__" and i not in self.understood]
        if new:  # not those of a lambda in the statement, which have been read
            self.understood.update(new)
            return self.shared(start, end)
        if words[:1] == ["using"] and "=" in words and words[1:2] != ["namespace"]:
            self.source.aliases[words[1]] = tuple(words[words.index("=") + 1 :])
        elif words[:1] == ["typedef"] and len(words) >= 3 and words[-1] not in ("]", ")"):
            self.source.aliases[words[-1]] = tuple(words[1:-1])
        return None

    def shared(self, start: int, end: int) -> None:
        for i in range(start, end):  # after a label
            if self.code[i].text == ":" and "__shared__" in [t.text for t in self.code[i:end]]:
                start = i + 1
        first, last = self.code[start], self.code[end]
        text = " ".join(self.source.text[first.start : last.start].split())

        def fail(why: str) -> ValueError:
            return self.fail(first, f"cannot understand `{text}`: {why}")

        for directive in self.source.tokens.directives:
            if first.start < directive.start < last.end:
                raise fail("a preprocessor line stands inside it")
        variables = self.declared(self.code[start:end], fail)
        if self.in_function():
            new = " ".join(f"{v.type_text()} {v.variable_text()}" for v in variables)
        elif any(scope.kind == "class" for scope in self.scopes):
            raise fail("a member cannot be __shared__")
        else:
            new = " ".join(v.type_text() for v in variables)
            self.of_file += [(end, v) for v in variables]
        self.source.changes.append((first.start, last.end, new))

    def declared(self, tokens: list[Token], fail: object) -> list[Shared]:
        assert callable(fail)
        kind: list[str] = []  # the type
        alignments: list[str] = []
        dynamic = False
        i, named = 0, False
        while i < len(tokens):
            text = tokens[i].text
            if text in ("__shared__", "static", "extern", "inline", "constexpr", "__device__"):
                dynamic |= text == "extern"
                i += 1
            elif text == "[" and tokens[i + 1].text == "[":
                i = closing(tokens, i) + 1
            elif text in _WITH_PARENTHESES and text != "decltype":
                close = closing(tokens, i + 1)
                inside = [t.text for t in tokens[i + 2 : close]]
                if text in _ALIGNMENT:
                    alignments.append(" ".join(inside))
                elif "aligned" in inside and "(" in inside:
                    alignments.append(" ".join(inside[inside.index("aligned") + 2 : -2]))
                i = close + 1
            elif text in _CV or text in ("typename", "template") or text in _CLASS:
                kind.append(text)
                i += 1
            elif text == "{" and not named:
                close = closing(tokens, i)
                kind += [t.text for t in tokens[i : close + 1]]
                i, named = close + 1, True
            elif text in _BUILTIN:
                kind.append(text)
                i, named = i + 1, True
            elif not named and (text == "::" or tokens[i].kind == "word"):
                i = self.type_name(tokens, i, kind)
                named = not (i < len(tokens) and tokens[i].text == "{")
            else:
                break
        if not named or i >= len(tokens):
            raise fail("there is no type, or no name")
        declarators = split(tokens[i:])
        if dynamic and len(declarators) != 1:
            raise fail("an extern array stands alone")
        return [self.declarator(d, kind, tuple(alignments), dynamic, fail) for d in declarators]

    @staticmethod
    def type_name(tokens: list[Token], i: int, kind: list[str]) -> int:
        """Reads `a::b<c>::d` or `decltype(x)`."""
        while i < len(tokens):
            kind.append(tokens[i].text)
            is_name = tokens[i].kind == "word" and tokens[i].text != "template"
            i += 1
            if is_name and i < len(tokens) and tokens[i].text in ("<", "("):
                if tokens[i].text == "(" and kind[-1] != "decltype":
                    break
                close = closing(tokens, i)
                kind += [t.text for t in tokens[i : close + 1]]
                i = close + 1
            if is_name and not (i < len(tokens) and tokens[i].text == "::"):
                break
        return i

    @staticmethod
    def declarator(
        tokens: list[Token], kind: list[str], alignments: tuple[str, ...], dynamic: bool, fail: object
    ) -> Shared:
        assert callable(fail)
        texts = [t.text for t in tokens]
        if "=" in texts or "{" in texts:
            raise fail("a __shared__ variable has no initial value")
        names = [i for i, t in enumerate(tokens) if t.kind == "word" and t.text not in (*_CV, "__restrict__")]
        if not names:
            raise fail("there is no name")
        at = names[0]
        name = texts[at]
        if any(t == "[" for t in texts[:at]):
            raise fail("there is no name before `[`")
        unsized = texts[at + 1 : at + 3] == ["[", "]"]
        if unsized != dynamic:
            raise fail("`extern` and `[]` go together" if dynamic else "an array without a size must be `extern`")
        texts[at] = f"{name}_shared_type"
        if dynamic:
            del texts[at + 1 : at + 3]
        return Shared(name, " ".join([*kind, *texts]), alignments, dynamic)

    def use_file_variables(self) -> None:
        """Gives every function that uses a __shared__ variable of the file its reference to it."""
        for function in self.functions:
            head = {t.text for t in self.code[slice(*function.head)]}
            used = {
                t.text
                for i, t in enumerate(self.code[function.begin : function.end], function.begin)
                if t.kind == "word" and self.code[i - 1].text not in (".", "->", "::")
            }
            wanted = {v.name: v for at, v in self.of_file if at < function.begin and v.name in used - head}
            if wanted:
                at = self.code[function.begin - 1].end
                self.source.changes.append((at, at, " " + " ".join(v.variable_text() for v in wanted.values())))


def read(text: str) -> Source:
    """Read a source; ValueError that names line and declaration where it cannot be understood."""
    return _Reader(text).read()
