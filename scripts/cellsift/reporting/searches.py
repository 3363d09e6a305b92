"""The part of the index page on searches for better recipes."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from cellsift.io.json_files import read_json
from cellsift.reporting import html, tables
from cellsift.reporting.graphs import PANELS_ACROSS, legend_columns, panels
from cellsift.reporting.html import Html
from cellsift.reporting.run_results import RunResults
from cellsift.reporting.style import GREY, MARKERS, OKABE_ITO, styled
from cellsift.results import ALL

ENDED = "ended"
MERIT = "average_precision"


def searches(results: RunResults) -> Html:
    """What the searches tried and found, under a heading of its own; nothing if there were none."""
    parts = [
        _search(results, name, arm["search"]["space"])
        for name, arm in results.recipes.items()
        if arm.get("search")
    ]
    if not parts:
        return Html("")
    return Html(html.heading("What the searches for better recipes found") + "".join(parts))


def _search(results: RunResults, arm: str, space: Mapping) -> Html:
    found = {study: results.paths.search(arm, study) for study in results.paths.studies(arm)}
    trials = {study: results.table(files.trials) for study, files in found.items()}
    importance = results.table(found[ALL].importance)
    table = pd.DataFrame(
        [_row(study, trials[study], read_json(files.chosen)) for study, files in found.items()]
    )
    of_table = (
        f"{arm}: the best recipe of each search. Each fold is trained with the recipe of a search "
        "that did not see its candidates, so this arm's out-of-fold scores are not made better by "
        "the choosing; the average precisions here are, as the best of many. Recipes that differ "
        "much between rows mean that the search found little but noise. The recipe of the search "
        f"on all folds is in search/{arm}/{arm}_searched.yaml: copied to config/arms, it is an "
        "arm of its own."
    )
    of_figure = (
        f"{arm}: each mark is a recipe that was tried, by the mean average precision on the inner "
        "folds; those given up early are left out. The line is the best until then. Last panel: "
        "the share of the differences that each key explains by itself, in the search on all folds."
    )
    drawing = draw_search(trials, importance, space)
    return Html(
        html.table(table, of_table, text_columns=("search", "recipe"), wrapped=("recipe",))
        + html.figure(drawing, of_figure, f"Average precision of the recipes tried for {arm}")
    )


def _row(study: str, trials: pd.DataFrame, chosen: Mapping) -> dict[str, str]:
    own = chosen["own_average_precision"]
    return {
        "search": _named(study),
        "recipes tried": tables.count_text(len(trials)),
        "given up early": tables.count_text(int((trials["state"] != ENDED).sum())),
        "average precision, own recipe": "–" if own is None else f"{own:.3f}",
        "average precision, best": f"{chosen[MERIT]:.3f}",
        "recipe": tables.settings_text(
            {key: _short(value) for key, value in chosen["values"].items()}
        ),
    }


def _named(study: str) -> str:
    return "on all folds" if study == ALL else f"without {study}"


def _short(value: object) -> object:
    return float(f"{value:.3g}") if isinstance(value, float) else value


def draw_search(
    trials: Mapping[str, pd.DataFrame], importance: pd.DataFrame, space: Mapping
) -> Figure:
    """How good the recipes tried were: in their order, by each key, and what made the difference.

    Args:
        trials: by study the columns trial, state, average_precision and one for each key.
        importance: columns key and share.
        space: by key a list of choices, or low, high and log.
    """
    looks = {
        study: (OKABE_ITO[number % len(OKABE_ITO)], MARKERS[number % len(MARKERS)])
        for number, study in enumerate(trials)
    }
    names = [_named(study) for study in trials]
    with styled():
        drawing, axes = panels(len(space) + 2, 3.2, legend=names)
        for study, table in trials.items():
            color, marker = looks[study]
            ended = table[table["state"] == ENDED]
            marks = {"color": color, "markersize": 5, "alpha": 0.7, "linestyle": ""}
            order = table.index[table["state"] == ENDED] + 1
            axes[0].plot(order, ended[MERIT], marker, **marks)
            axes[0].step(order, ended[MERIT].cummax(), color=color, where="post")
            for axis, (key, tried) in zip(axes[1:], space.items(), strict=False):
                axis.plot(_positions(ended[key], tried), ended[MERIT], marker, **marks)
        axes[0].set(title="in their order", xlabel="recipe tried")
        axes[0].xaxis.get_major_locator().set_params(integer=True)
        for axis, (key, tried) in zip(axes[1:], space.items(), strict=False):
            _label_key(axis, key, tried)
        for axis in axes[:-1:PANELS_ACROSS]:
            axis.set_ylabel("average precision (0 to 1)")
        _draw_importance(axes[-1], importance)
        handles = [
            Line2D([], [], color=color, marker=marker, linestyle="-")
            for color, marker in looks.values()
        ]
        columns = legend_columns(names, drawing)
        drawing.legend(handles, names, loc="outside lower center", ncols=columns)
    return drawing


def _positions(values: pd.Series, tried: object) -> pd.Series:
    """Where values stand along the axis: choices one beside the other, numbers where they are."""
    if isinstance(tried, list):
        return values.astype(str).map([str(choice) for choice in tried].index)
    return values


def _label_key(axis: Axes, key: str, tried: list | Mapping) -> None:
    axis.set(title=key, xlabel=key.replace("_", " "))
    if isinstance(tried, list):
        axis.set_xticks(range(len(tried)), [str(choice) for choice in tried])
        axis.set_xlim(-0.5, len(tried) - 0.5)
    elif tried["log"]:
        axis.set_xscale("log")


def _draw_importance(axis: Axes, importance: pd.DataFrame) -> None:
    axis.set(title="what made the difference", xlabel="share explained (0 to 1)", xlim=(0, 1))
    axis.barh(importance["key"].str.replace("_", " "), importance["share"], color=GREY, height=0.6)
    axis.invert_yaxis()
    axis.grid(False, axis="y")
