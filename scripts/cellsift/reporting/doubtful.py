"""What to do with the candidates that the arms are least sure of, which depends on the brain."""

MARK = (
    "mark these in napari, the cells among them in one file and what is no cell in another; name "
    "the files in the brain's columns cells and non_cells"
)
TRAIN = "Looking at these in napari, and correcting their annotation, teaches an arm most."
NOT_ANNOTATED = f"This brain has no annotation to learn from. What would teach an arm most: {MARK}."
TEST = (
    "Look at these to see what the arms find hard, but do not correct the annotation of these "
    "alone: that would bend the test towards what the arms doubt. If it needs correcting, go "
    "through all of it, or through a part chosen at random, whatever the arms say of it. To teach "
    "an arm, correct and annotate such candidates in train brains."
)
PREDICT = (
    f"No arm learns from this brain yet. To let them, {MARK}; and give it the role train. To "
    "measure how well the arms do here these will not do, as they are the hardest: annotate cells "
    "and artefacts drawn at random, and give it the role test."
)

FINISHED = (
    "No arm of this run learns: all are finished models. What their numbers in this brain are "
    "worth candidates drawn at random tell, which snakemake suggest draws; these here are the "
    "hardest."
)


def use_of_doubtful(role: str, annotated: bool, all_finished: bool = False) -> str:
    """What the most doubtful candidates of a brain are good for; empty for an unknown role.

    `all_finished`: whether no arm is trained.
    """
    if all_finished:
        return FINISHED
    train = TRAIN if annotated else NOT_ANNOTATED
    return {"train": train, "test": TEST, "predict": PREDICT}.get(role, "")
