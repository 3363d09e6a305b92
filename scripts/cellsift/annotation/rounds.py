"""How draws of several rounds become one estimate."""

import numpy as np
import pandas as pd


def combined_weights(drawn: pd.DataFrame, answered: pd.Index) -> pd.Series:
    """The weight of each item that has an answer, for totals over all there are.

    Each round r is a sample of everything: what had its answer when the round was drawn is in it
    for sure (`known`), and of the rest some were drawn with probability pi. So sum(y) over the
    known plus sum(y / pi) over those drawn is an unbiased estimate of the total (Horvitz and
    Thompson 1952). The rounds' estimates are averaged, each by how precise a draw of its
    size would be if all had the same chance, which no answer has a say in: the weights of an item
    add up over the rounds it is in. After one whole round a weight is 1 / pi.

    Not all that was drawn has its answer: a person stopped, or was unsure. Those of a round that
    have one stand for all drawn in it, their weights scaled by drawn / answered. This takes for
    granted that those without are like the others; as draws are handed out in random order, that
    holds for a person who stopped.

    Args:
        drawn: columns round, item, probability, known (whether the item had its answer before the
            round was drawn) and population (how many had none then).
        answered: the items that have an answer.

    Returns weights, by item; items in no round are not among them.
    """
    drawn = drawn.assign(answered=drawn["item"].isin(answered))
    at_random = drawn[~drawn["known"]]
    share = _shares(
        at_random.groupby("round")["answered"].sum(), at_random.groupby("round")["population"].max()
    )
    parts = []
    for (number, known), part in drawn.groupby(["round", "known"]):
        kept = part[part["answered"]]
        if len(kept) and share.get(number, 0) > 0:
            raw = np.ones(len(kept)) if known else 1 / kept["probability"].to_numpy()
            scale = share[number] * len(part) / len(kept)
            parts.append(pd.Series(raw * scale, index=kept["item"]))
    if not parts:
        return pd.Series(dtype=float)
    return pd.concat(parts).groupby(level=0).sum()


def _shares(answers: pd.Series, population: pd.Series) -> pd.Series:
    """The share of each round in the estimate, by its variance: N^2 (1 / n - 1 / N) is in it."""
    answers = answers[answers > 0]
    population = population[answers.index].astype(float)
    variance = population * (population / answers - 1).clip(lower=0)
    if not variance.all():
        # They know all there is.
        return (variance == 0) / (variance == 0).sum()
    return (1 / variance) / (1 / variance).sum()
