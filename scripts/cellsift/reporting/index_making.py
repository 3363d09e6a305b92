"""The parts of the index page on how the arms were made, and what they cost and look at."""

from cellsift.reporting import graphs, html, tables
from cellsift.reporting.html import Html
from cellsift.reporting.run_information import configuration_text, version_table
from cellsift.reporting.run_results import RunResults

# A page is to stay below 10 MB, however many arms there are.
BYTES_OF_MONTAGES = 6_000_000


def arms(results: RunResults) -> Html:
    """What the arms are: their networks, and how their training differs."""
    if not results.recipes:
        return html.paragraph("What the arms are was not told to this page.")
    ensembles = {
        name: results.model(name)
        for name, arm in results.recipes.items()
        if arm["architecture"] == "ensemble"
    }
    finished = {name: results.model(name) for name in results.finished}
    shared = results.configuration.get("training", {})
    table = tables.arm_table(results.recipes, shared, ensembles, finished)
    caption = (
        "Training: what an arm does otherwise than the config says for all (see the config at the "
        "end of this page)."
    )
    if ensembles:
        caption += (
            " An ensemble adds up the calibrated logits of its members, each times its weight. The "
            "weights are fitted on out-of-fold scores; those by which a fold is scored on the "
            "other folds."
        )
    if finished:
        caption += (
            " A finished model is used as it is: nothing of it was fitted here, neither its "
            "weights nor its threshold. Which brains it has learnt from is what it says itself."
        )
    columns = list(table)
    return html.table(table, caption, text_columns=columns, wrapped=columns[1:])


def folds(results: RunResults) -> Html:
    """How the candidates of train brains were divided into folds."""
    if results.all_finished:
        return html.paragraph("No arm was trained in this run: all are finished models.")
    table = results.table(results.paths.folds)
    if results.learnt_from:
        said = (
            f"{table['fold'].nunique()} folds of whole brains. This is a draft: the first fold "
            f"alone was left out of training, so that {', '.join(sorted(results.learnt_from))} "
            f"{'was' if len(results.learnt_from) == 1 else 'were'} learnt from and "
            "nothing is judged there. Temperature and threshold are chosen on the first fold alone."
        )
        caption = "Labelled candidates of each fold."
        shown = html.table(tables.fold_table(table), caption, text_columns=("fold", "brain"))
        return Html(html.paragraph(said) + shown)
    caption = (
        "Labelled candidates of each fold. Each fold is scored by a network whose weights never "
        "saw it; but of its epochs the one that does best on this fold is kept, and temperature "
        "and threshold are chosen on these scores, which makes them slightly optimistic."
    )
    return Html(
        html.paragraph(tables.folds_sentence(table))
        + html.table(tables.fold_table(table), caption, text_columns=("fold", "brain"))
    )


def loss(results: RunResults) -> Html:
    """Loss over epochs of every arm that has more than one, and fold; of trained arms alone."""
    if results.all_finished:
        return Html("")
    trained = [arm for arm in results.arms if arm not in results.finished]
    histories = {}
    for arm in trained:
        histories_by_fold = {
            fold: results.paths.training(arm).fold(fold).history for fold in range(results.networks)
        }
        runs = {
            fold: results.table(path) for fold, path in histories_by_fold.items() if path.is_file()
        }
        # Of an arm that was fitted at once there is no curve.
        if any(len(history) > 1 for history in runs.values()):
            histories[arm] = runs
    if not histories:
        return html.paragraph("No arm was trained for more than one epoch in this run.")
    caption = (
        "Dotted: the loss that the arm is trained by, on the candidates trained on (harder than "
        "they look, as they are altered at random). It is the cross-entropy for most; PIP-Net adds "
        "how well its prototypes are formed, which is all it learns at first, and DeiT how far it "
        "is from its teacher. Solid: the cross-entropy on the fold left out, for all. Where the "
        "solid line rises while the dotted one falls, the network learns its examples by heart. "
        "The weights of the marked epoch, the one of highest average precision on the fold left "
        "out, are used."
    )
    return html.figure(graphs.draw_loss(histories), caption, "Loss over epochs for each arm")


def cost(results: RunResults) -> Html:
    """What each arm costs to train and to run."""
    table = tables.cost_table(results.cost())
    if len(table.columns) == 1:
        return html.paragraph("No cost was measured.")
    caption = (
        "Measured on the machine of this run. GFLOP: billions of calculations for one cuboid. "
        "Cuboids per second: when classifying."
    )
    if not results.all_finished:
        caption += " Training minutes: all folds one after the other."
    if any(arm["architecture"] == "ensemble" for arm in results.recipes.values()):
        caption += " An ensemble costs what its members cost together."
    if results.finished:
        caption += " What the training of a finished model took is not known."
    return html.table(table, caption, text_columns=("arm", "device"))


def explanations(results: RunResults) -> Html:
    """The montage of each arm's explanations."""
    parts = []
    kinds = "cells, artefacts and the surest errors"
    if results.evaluation("end_to_end").empty:
        kinds = "what it calls cells and what not, as no brain is annotated"
    most_bytes = BYTES_OF_MONTAGES // max(1, len(results.arms))
    for arm in results.arms:
        path = results.paths.explanation(arm).montage
        if path.is_file():
            caption = (
                f"{arm}: {kinds}. Bright colour marks the places "
                "that spoke most for the verdict given, only roughly. They should lie on the soma; "
                "an arm that goes by the corners has learnt something else."
            )
            evidence = f"Evidence in candidates by {arm}"
            parts.append(html.picture_file(path, caption, evidence, most_bytes))
    return Html("".join(parts)) if parts else html.paragraph("No arm was explained.")


def versions(results: RunResults) -> Html:
    """Versions, seed and config."""
    made = {arm: results.model(arm).get("provenance", {}) for arm in results.arms}
    software = version_table(made)
    seed = results.configuration.get("seed")
    caption = "Versions of the software that made this page, and of that which trained each arm."
    return Html(
        (html.paragraph(f"Seed: {seed}.") if seed is not None else "")
        + html.preformatted(
            configuration_text(results.configuration, results.detection_choice),
            "Config, defaults filled in",
        )
        + html.folded(
            html.table(software, caption, text_columns=list(software)), "Versions of software"
        )
    )
