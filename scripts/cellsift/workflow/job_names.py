"""What a job is called in the terminal: its step in plain words, its brain or arm, its part."""

from collections.abc import Mapping

STEPS = {
    "check_volumes": "check the volumes of {brain}",
    "accept_volumes": "accept the volumes of {brain}",
    "preflight": "check the annotation of {brain}",
    "check_regions": "check the regions of {brain}",
    "tune_detection": "search a detector",
    "detect_slab": "detect in {brain}",
    "find_centres": "find the centres in {brain}",
    "contrast_slab": "measure the contrast in {brain}",
    "detect": "join the candidates of {brain}",
    "choose_contrast": "choose the least contrast",
    "keep_candidates": "keep the candidates of {brain}",
    "take_candidates": "take the candidates of {brain}",
    "label": "label the candidates of {brain}",
    "cuboids": "cuboids of {brain}",
    "temporary_cuboids": "cuboids of {brain}",
    "projection": "project {brain}",
    "describe": "describe {brain}",
    "compare": "compare {brain} with the train brains",
    "folds": "divide the candidates into folds",
    "pretrain": "pre-train {pretraining}",
    "search": "search a recipe for {arm}",
    "choose_recipe": "choose the recipe of {arm}",
    "searched_arm": "write down the recipe of {arm}",
    "train": "train {arm}",
    "calibrate": "calibrate {arm}",
    "accept_fold": "accept {arm}",
    "accept_model": "accept {arm} as a whole",
    "combine": "combine {ensemble}",
    "score_chunk": "score {brain} by {arm}",
    "classify": "classify {brain} by {arm}",
    "classify_ensemble": "classify {brain} by {ensemble}",
    "count": "count the cells of {brain}",
    "correct": "correct {brain} by {any_arm}",
    "evaluate": "evaluate all arms",
    "cost": "measure the cost of {arm}",
    "cost_ensemble": "add up the cost of {ensemble}",
    "explain": "explain {arm}",
    "report_brain": "report of {brain}",
    "report_index": "report of all brains",
    "summarise_detection": "count what detection finds",
    "show_detection": "look at what detection finds in {brain}",
    "try_detection": "page of detection",
    "sample": "read what is labelled in {brain}",
    "suggest_brain": "suggest what to annotate in {brain}",
    "show_suggestions": "page of suggestions for {brain}",
    "suggest": "tell what to annotate",
    "train_final": "train {arm} on all annotated brains",
    "release": "pack the release",
    "track": "track in MLflow",
}


class JobNames:
    """Names jobs; `folds` is their number, `slabs` that of each brain.

    `networks` are those of an arm where they are not as many as the folds, as of finished models.
    Parts are counted from 1: "train vit_narrow, fold 2 of 3". A fold's name, as messages and files
    have it, is another thing: "fold-1".
    """

    def __init__(
        self, folds: int, slabs: Mapping[str, int], networks: Mapping[str, int] | None = None
    ):
        self._folds, self._slabs, self._networks = folds, slabs, networks or {}

    def name(self, rule: str, wildcards: Mapping[str, str]) -> str:
        """Name the job of a rule; one of a rule without a name is called as its rule is."""
        if rule not in STEPS:
            return " ".join([rule.replace("_", " "), *wildcards.values()])
        return ", ".join([STEPS[rule].format(**wildcards), *self._parts(wildcards)])

    def _parts(self, wildcards: Mapping[str, str]) -> list[str]:
        parts = []
        if "study" in wildcards:
            fold = wildcards["study"].removeprefix("fold-")
            parts += ["on all folds" if fold == "all" else f"without {self._fold(fold)}"]
        if "job" in wildcards:
            parts += [f"job {wildcards['job']}"]
        if "fold" in wildcards:
            parts += [self._fold(wildcards["fold"], wildcards.get("arm", ""))]
        if (slabs := self._slabs.get(wildcards.get("brain", ""), 1)) > 1 and "slab" in wildcards:
            parts += [f"slab {int(wildcards['slab']) + 1} of {slabs}"]
        if wildcards.get("chunks", "1") != "1":
            parts += [f"chunk {wildcards['chunk']} of {wildcards['chunks']}"]
        return parts

    def _fold(self, fold: str, arm: str = "") -> str:
        return f"fold {int(fold) + 1} of {self._networks.get(arm, self._folds)}"
