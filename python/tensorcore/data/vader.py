"""Tweets, and sentences of reviews and editorials, each with how positive people found it.

Source: C. Hutto, E. Gilbert, "VADER: a parsimonious rule-based model for sentiment analysis of social media text",
ICWSM 2014, which is to be cited; the package vaderSentiment, licence MIT. Scores are means of 20 people's, from -4
(extremely negative) to 4 (extremely positive).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .. import _core
from ..ops.creation import asarray
from ..tensor import Tensor
from .archive import read_tar_member
from .cache import Collection, DataFile, Package

_FILES = {
    "tweets": DataFile(
        "tweets_GroundTruth.txt", 389_886, "dfbe7102e2f92579ed8b19df9a3822491880697c67adf712fb66e520cc05102f"
    ),
    "movie": DataFile(
        "movieReviewSnippets_GroundTruth.txt",
        1_383_098,
        "c8293b0d942e90e223ea2c0955d969040d1a1be514a978b9af0698940bd13350",
    ),
    "amazon": DataFile(
        "amazonReviewSnippets_GroundTruth.txt",
        373_157,
        "11a9807a0974a2506a2d3b4851eaf69b3d6d20688ce4923adda2312a4f6dd6c2",
    ),
    "nyt": DataFile(
        "nytEditorialSnippets_GroundTruth.txt",
        607_629,
        "7d8fbcce7dde5d716da53e78f4ef4be6b706e9ef1e1d51887e6d0ad4b69cc27e",
    ),
}


class Sentences(NamedTuple):
    """`texts`, a list of N texts, and `scores` (N,) float32 from -4 to 4."""

    texts: list[str]
    scores: Tensor


def _from_sdist(sdist: bytes) -> dict[str, bytes]:
    inner = read_tar_member(sdist, "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz", limit=2**24)
    return {f.name: read_tar_member(inner, f"hutto_ICWSM_2014/{f.name}", limit=2**24) for f in _FILES.values()}


VADER = Collection(
    "vader",
    "VADER's sentences",
    "MIT",
    'C. Hutto, E. Gilbert, "VADER", ICWSM 2014; the package vaderSentiment',
    tuple(_FILES.values()),
    package=Package(
        "vaderSentiment==3.3.2",
        "vaderSentiment-3.3.2.tar.gz",
        "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9",
        _from_sdist,
    ),
)


def load_vader(kind: str = "tweets", *, download: bool = True, folder: Any = None) -> Sentences:
    """4,200 tweets, or 10,605 sentences of "movie" reviews, 3,708 of "amazon" reviews, 5,190 of "nyt" editorials.

    Fetched on first use, as `load_mnist`. ValueError for another kind.
    """
    if kind not in _FILES:
        raise ValueError(f"load_vader: kind must be one of {', '.join(_FILES)}, got {kind!r}")
    lines = VADER.load(_FILES[kind].name, download=download, folder=folder).decode("utf-8").split("\r\n")
    rows = [line.split("\t", 2) for line in lines if line]
    return Sentences(
        [text for _, _, text in rows], asarray([float(score) for _, score, _ in rows], dtype=_core.float32)
    )
