#!/usr/bin/env python3
"""Tweets and film sentences: the n-gram classifier beside scikit-learn's TF-IDF with logistic regression.

Three folds, the same for all; accuracy of each, and the mean. Needs scikit-learn.
"""

from __future__ import annotations

import argparse

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline, make_union

import tensorcore as tc
from tensorcore import recipes
from tensorcore.recipes import texts as texts_recipe


def peers():
    """scikit-learn's pipelines: with its defaults, and with n-grams of words and of characters."""
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)
    return {
        "scikit-learn, defaults": make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=1000)),
        "scikit-learn, words and characters": make_pipeline(
            make_union(words, characters), LogisticRegression(C=10, max_iter=1000)
        ),
    }


def ours(data, texts, labels, train, test, seed):
    """The accuracy of the recipe on one fold; nothing is chosen by looking at the test part."""
    recipe = recipes.find(data)
    model, settings = recipe.settings(None)
    settings = settings.but(seed=seed)
    tc.manual_seed(seed)
    job = texts_recipe.make_job(
        data, model, settings, texts, labels, [train.tolist(), test.tolist()[:1], test.tolist()]
    )
    optimizer = recipes.make_optimizer(job.model, settings)
    schedule, per = recipes.make_schedule(optimizer, settings, len(job.train))
    trainer = tc.train.Trainer(
        job.model, optimizer, job.loss, metrics=job.metrics(), schedule=schedule, schedule_per=per, progress=False
    )
    trainer.fit(job.train, epochs=settings.epochs)
    return trainer.evaluate(job.test)["accuracy"]


def main():
    """Run both data sets and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    table = Table(title="accuracy, three folds")
    for column in ("data", "model", "folds", "mean"):
        table.add_column(column)
    for data in ("tweets", "movies"):
        texts, labels = texts_recipe.load(data)
        folds = list(StratifiedKFold(3, shuffle=True, random_state=args.seed).split(texts, labels))
        y = np.array(labels)
        scores = {
            name: [
                float(
                    (peer.fit([texts[i] for i in train], y[train]).predict([texts[i] for i in test]) == y[test]).mean()
                )
                for train, test in folds
            ]
            for name, peer in peers().items()
        }
        scores["tensorcore, n-grams"] = [ours(data, texts, labels, *fold, args.seed) for fold in folds]
        for name, values in scores.items():
            table.add_row(data, name, " ".join(f"{v:.4f}" for v in values), f"{np.mean(values):.4f}")
    Console().print(table)


if __name__ == "__main__":
    main()
