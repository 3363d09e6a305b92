"""The parts of the page on what to annotate next, each one call in reports/suggestions.ipynb."""

from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path

import pandas as pd

from cellsift.cuboids.store import CuboidStore
from cellsift.evaluation.counts.words import to_count_in_words
from cellsift.io.axes import AXES
from cellsift.io.json_files import read_json
from cellsift.reporting import block_map, html, thumbnails
from cellsift.reporting.html import Html
from cellsift.reporting.projections import load_projection
from cellsift.reporting.run_results import RunResults
from cellsift.reporting.tables import number_text
from cellsift.results import BlockFolder, Results, SuggestionFolder

# Of each kind, so many are shown.
SHOWN = 24
REASONS = {
    "random": "Drawn at random, candidates that the arms doubt more often than others. From these "
    "alone it is known how many cells there are: label them first, and all of them.",
    "doubtful": "Nearest to the arms' thresholds.",
    "disagreement": "The arms contradict each other.",
    "variety": "Unlike what is labelled or suggested already.",
    "suspect": "The annotation says one thing, and all arms surely the other: one of them is "
    "wrong.",
}
OF_ROLE = {
    "train": "These labels train nothing and change no annotation. To teach the arms, correct the "
    "brain's own files of cells and non_cells.",
    "test": "These labels train nothing and change no annotation. Do not correct the annotation of "
    "this brain by them: that would bend the test towards what the arms doubt.",
    "predict": "These labels train nothing.",
}
COUNT = "They tell how far the counts of this brain can be trusted, narrow their intervals, and "
COUNT += "correct p_cell and threshold."
NOT_COUNTED = (
    "As the config is, they do not count here: the counts of this brain stay as they are, with "
    "their intervals. To have them count, {change}."
)
OF_TEST = " Something is fitted on this brain then, so that it is no test of that any more."


@dataclass(frozen=True)
class Suggested:
    """What is suggested in a brain.

    `shown_results` is the folder of results as the run was told it, `signal` the path of the
    brain's signal, `cuboids` are its stores, `corrected_with` is what `counts: corrected` has to be
    for answers to count, empty where they do.
    """

    results: RunResults
    shown_results: str
    brain: str
    role: str
    signal: str
    cuboids: list[str]
    corrected_with: list[str]

    @property
    def shown_files(self) -> SuggestionFolder:
        """The files, by the paths that a person types."""
        return Results(self.shown_results).suggestions(self.brain)

    @property
    def files(self) -> SuggestionFolder:
        return self.results.paths.suggestions(self.brain)

    @cached_property
    def summary(self) -> dict:
        return read_json(self.results.paths.brain(self.brain).suggested)

    @cached_property
    def labelled(self) -> dict:
        """What people have labelled before."""
        return read_json(self.results.paths.brain(self.brain).sample_summary)

    @cached_property
    def candidates(self) -> pd.DataFrame:
        return self.results.table(self.files.candidates)

    @cached_property
    def blocks(self) -> pd.DataFrame:
        return self.results.table(self.files.blocks)


def title(shown: Suggested) -> Html:
    """The page's heading, and the way back."""
    return Html(
        f'<p><a href="{escape(html.brain_address(shown.brain, "../"))}">'
        f"Brain {escape(shown.brain)}</a></p>\n"
        f"<h1>What to annotate next in brain {escape(shown.brain)}</h1>\n"
    )


def facts(shown: Suggested) -> Html:
    """How much there is to do, what it is good for, and what was done before."""
    at_random = shown.summary["why"].get("random", 0)
    items = [
        f"Round {shown.summary['round']}: {number_text(len(shown.candidates), 'candidate')} to be "
        f"called cell or no cell, {at_random} of them drawn at random, and "
        f"{number_text(len(shown.blocks), 'block')} of tissue in which every cell is to be marked. "
        "Only blocks show cells that detection never proposed.",
        _of_random(at_random, len(shown.candidates)),
        _of_use(shown),
        f"Labelled before: {number_text(shown.labelled['labels'], 'candidate')}, "
        f"{number_text(shown.labelled['blocks'], 'block')}.",
    ]
    return html.bullets([item for item in items if item])


def _of_use(shown: Suggested) -> str:
    """What these labels change, and what they do not."""
    of_role = OF_ROLE.get(shown.role, "")
    if not shown.corrected_with:
        return f"{of_role} {COUNT}".strip()
    not_counted = NOT_COUNTED.format(change=to_count_in_words(shown.corrected_with))
    return f"{of_role} {not_counted}{OF_TEST if shown.role == 'test' else ''}".strip()


def _of_random(at_random: int, suggested: int) -> str:
    """What the candidates that were not drawn at random are good for, if there are any."""
    if at_random == suggested:
        return ""
    return (
        f"Only the {at_random} drawn at random, and the blocks, tell how many cells there are and "
        "narrow the interval. The others are what the arms find hard: worth a look, and worth "
        "adding to an annotation that the arms are to learn from. If the number is all you want, "
        "set annotation: {random: 1} in the config, and all are drawn at random."
    )


def ways(shown: Suggested) -> Html:
    """Three ways to label, and how answers come back."""
    files, folder = shown.shown_files, shown.summary["answers_belong_in"]
    image = BlockFolder(files.block_images).image(1)
    items = [
        f"In napari: open {shown.signal} and {files.candidates_xml}, which is one layer of "
        "candidates, and the plugin cellfinder, Curation, there “Add training data layers”. Select "
        "a candidate and press c for a cell or x for none, which copies it to one of these two "
        "layers; leave out what nobody can tell. Select the two training data layers alone and "
        f"save them as {folder}/looked_at..YOU.xml: this name says that you have looked at every "
        "point in it, and no other XML of candidates is read. Look at all of them: their random "
        "order, by which a part may stand for the rest, nobody sees here.",
        f"In a spreadsheet: copy {files.candidates} to {folder}/candidates..YOU.csv, and fill in "
        "label: cell, no_cell or unsure. A row that is left empty has no answer. Begin at the top: "
        "the first rows are in random order, so that you may stop anywhere. Leave the other "
        "columns as they are.",
        f"In Label Studio: make a project whose labelling interface is {files.label_studio_config} "
        f"(Code), import {files.label_studio}, label, export as JSON, and save the export in "
        f"{folder}.",
        "A candidate at a cell is a cell, also one that is not quite in its middle or has another "
        "candidate beside it: those within the matching distance of one another count for one cell "
        "together.",
        f"Blocks: open {image} in napari or Fiji and mark every cell in it, also those at its edge "
        f"whose middle is inside. Save them as {folder}/{image.stem}_cells..YOU.csv, z, y, x in "
        "voxels of the block (napari's points layer saved as CSV will do), or as XML. If a "
        f"block holds no cell at all, copy {files.blocks} to {folder} and write yes as done.",
        "Names after two dots tell who has labelled. Then start the run again: it reads the "
        f"folder, and trains nothing. Files named drawn in {folder} are cellsift's own and have "
        "the probability of each draw: keep them. Files of this page are written anew when more is "
        "suggested: work in copies.",
    ]
    return html.bullets(items)


def montage(shown: Suggested) -> Html:
    """What is suggested, by why."""
    if not len(shown.candidates):
        return html.paragraph("There is no candidate that is not labelled yet.")
    store = CuboidStore.open(shown.cuboids)
    parts = [
        _of_kind(shown.candidates[shown.candidates["why"] == why], store, why, said)
        for why, said in REASONS.items()
    ]
    return Html("".join(parts))


def _of_kind(table: pd.DataFrame, store: CuboidStore, why: str, said: str) -> str:
    if not len(table):
        return ""
    first = table.head(SHOWN)
    titles = [
        f"{row['suggestion']}: {' '.join(f'{value:.0f}' for value in row[AXES])}"
        for _, row in first.iterrows()
    ]
    cuboids = store.read(first["candidate"].to_numpy())
    picture = thumbnails.draw_thumbnails(cuboids, titles, store.voxel_size)
    more = f"the first {SHOWN} of {len(table)}" if len(table) > SHOWN else f"all {len(table)}"
    caption = (
        f"{why.capitalize()}, {more}. {said} Over each: number of the suggestion, and z, y, x in "
        "voxels. p_cell is not shown, as it would sway who labels."
    )
    return html.figure(picture, caption, f"Suggestions: {why}", photograph=True)


def blocks(shown: Suggested) -> Html:
    """Where the blocks lie."""
    if not len(shown.blocks):
        return html.paragraph("No block was drawn.")
    projection = load_projection(shown.results.paths.brain(shown.brain).projection)
    caption = (
        "The blocks, seen from above: the brightest voxel in depth. Each was drawn with the "
        "probability in the table, higher where more cells are expected."
    )
    picture = html.figure(
        block_map.draw_blocks(projection, shown.blocks),
        caption,
        "Where the blocks lie in the brain",
        photograph=True,
    )
    return Html(picture + html.table(_block_table(shown.blocks), "Blocks, in voxels."))


def _block_table(table: pd.DataFrame) -> pd.DataFrame:
    rows = {"block": table["block"].astype(str)}
    for axis in AXES:
        ends = zip(table[f"{axis}0"], table[f"{axis}1"], strict=True)
        rows[axis] = pd.Series([f"{low} to {high - 1}" for low, high in ends])
    rows["probability"] = table["probability"].map("{:.3f}".format)
    return pd.DataFrame(rows)


def opened(results: str, shown_results: str, brain: str, **more: object) -> Suggested:
    """What is suggested in a brain, by the folder of results."""
    return Suggested(RunResults(Path(results)), shown_results, brain, **more)  # type: ignore[arg-type]
