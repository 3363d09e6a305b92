"""Reads the project and lists what the rules need of it; decides nothing else."""

import sys
from functools import cache
from itertools import chain
from pathlib import Path

from snakemake.settings.types import DeploymentMethod

SCRIPTS = Path(workflow.basedir).parent / "scripts"
sys.path.insert(0, str(SCRIPTS))

from cellsift.project.reading import load_project
from cellsift.project.wanted_release import arms_to_train
from cellsift.detection import detector_module, list_detectors, measures_contrast_apart
from cellsift.workflow.environments import environment_for
from cellsift.errors import InputError
from cellsift.workflow.stamp import answers_stamp, data_stamp
from cellsift.models import architecture_module
from cellsift.workflow.code import code_of
from cellsift.workflow.job_names import JobNames
from cellsift.workflow.known_networks import check_networks_once
from cellsift.workflow.refusal import Refusal, tell_refusals_alone
from cellsift.workflow.rule_functions import of_wildcards, one_of
from cellsift.preflight.shared import check_brains, doubts_beside_others
from cellsift.settings.draft import is_draft
from cellsift.results import AnnotationFolder, ModelFolder, Results
from cellsift.workflow.run_lock import STATE

tell_refusals_alone(logger)
try:
    PROJECT = load_project(config)
    if workflow.is_main_process:
        check_networks_once(PROJECT)
        check_brains(PROJECT)
except InputError as problem:
    raise Refusal(str(problem)) from None

# As plain data, for params.
CONFIG = PROJECT.config.to_dict()
SHOWN = PROJECT.config.shown()
RESULTS = Results(PROJECT.config.results)
BRAIN = RESULTS.brain("{brain}")
CUBOIDS = BRAIN.cuboids("{chunk}", "{chunks}")
LOGITS = BRAIN.chunk_logits("{arm}", "{chunk}", "{chunks}")
FOLD = RESULTS.training("{arm}").fold("{fold}")
MODEL = RESULTS.model("{arm}")
FINAL = RESULTS.final.model("{arm}")
FINAL_TRAINING = RESULTS.final.training("{arm}").fold("all")
PRETRAINING = RESULTS.pretraining("{pretraining}")
SEARCH = RESULTS.search("{arm}", "{study}")
SUGGESTIONS = RESULTS.suggestions("{brain}")
EXPLANATION = RESULTS.explanation("{arm}")
# A detector that is searched for may be of either kind.
SEARCHES = PROJECT.config.searches_detection
CHOICE = [RESULTS.detection_choice] if SEARCHES else []
OUTCOME = {
    "trials": str(RESULTS.detection_trials),
    "outcome": str(RESULTS.detection_outcome),
    "config": str(RESULTS.detection_config),
}
TUNED = OUTCOME if SEARCHES else {}
# The step of detection whose slabs hold the candidates with their contrast.
APART = SEARCHES or measures_contrast_apart(PROJECT.config.detection.method)
MEASURED = "contrast" if APART else "detect"
DRAFT = is_draft(CONFIG)
# Those that networks are trained without: in a draft that leaves whole brains out, the first.
FOLDS = range(PROJECT.config.networks)
LEARNT_FROM = PROJECT.brains_of("train", annotated=True)
# Brains whose candidates another program has found; of detection nothing is learnt from them.
GIVEN = [name for name, brain in PROJECT.brains.items() if brain.candidates]
DETECTED = [name for name in PROJECT.brains if name not in GIVEN]
TUNED_ON = [name for name in LEARNT_FROM if name in DETECTED]
# A model records its detection where all that it learnt from was detected.
RECORDED = LEARNT_FROM if TUNED_ON == LEARNT_FROM else []
ANNOTATED = PROJECT.brains_of("train", "test", annotated=True)
# Arms that have networks, and arms that are made of them. Rules name the latter {ensemble}.
NETWORKS = [name for name, arm in PROJECT.arms.items() if not arm.members]
ENSEMBLES = [name for name, arm in PROJECT.arms.items() if arm.members]
# What is to be released: the arms that are trained once more, on which brains, and what people say.
WANTED = PROJECT.config.release
RELEASED = arms_to_train(WANTED, PROJECT.arms)
RELEASED_WITH_ENSEMBLE = list(dict.fromkeys([*RELEASED, *([WANTED.arm] if WANTED else [])]))
LEARNT_FROM_AT_LAST = LEARNT_FROM if WANTED and WANTED.learn_from == "train" else ANNOTATED
CARD = [WANTED.card] if WANTED and WANTED.card else []
# Networks are either trained here or those of finished models, used as they are.
TRAINED = PROJECT.trained
FINISHED = list(PROJECT.models)
# Arms whose answers tell whether a brain is unlike the train brains: not where these were learnt from.
COMPARED = [] if DRAFT else NETWORKS
SEARCHED = [name for name, arm in PROJECT.arms.items() if arm.search]
TEMPORARY = [] if PROJECT.config.keep_cuboids else PROJECT.brains_of("predict")
# What an arm looks at is shown on annotated brains; where there is none, on the first.
EXPLAINED = ANNOTATED or list(PROJECT.brains)[:1]
KEPT = [brain for brain in PROJECT.brains if brain not in TEMPORARY]


def environment(name):
    """The file of a rule's environment, for the Python that runs Snakemake where conda is used."""
    source = SCRIPTS.parent / "envs" / f"{name}.yaml"
    if DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method:
        try:
            source = environment_for(source, Path.cwd() / STATE / "environments")
        except InputError as problem:
            raise Refusal(str(problem)) from None
    return str(source)


def page_file(name):
    """A file of reports/: in a checkout relative to it, else that of the installed package."""
    here = Path("reports", name)
    return str(here if here.is_file() else SCRIPTS.parent / here)


wildcard_constraints:
    brain=one_of(PROJECT.brains),
    arm=one_of(NETWORKS),
    any_arm=one_of(PROJECT.arms),
    ensemble=one_of(ENSEMBLES),
    fold=r"\d+",
    pretraining=one_of(PROJECT.pretrainings),
    study=r"all|fold-\d+",
    job=r"\d+",
    chunk=r"\d+",
    chunks=r"\d+",
    slab=r"\d+",


def brain_with(*settings, **files):
    """Params function: what a rule needs of a brain, as plain data; a change runs its jobs again.

    `files` are annotation, regions and candidates, True for those that it needs.
    """
    wanted = {"annotation": False} | files
    return of_wildcards(
        lambda wildcards: PROJECT.brains[wildcards.brain].to_dict(settings, **wanted)
    )


def brains_with(names, *settings, annotation=False):
    """The same for several brains."""
    return [PROJECT.brains[name].to_dict(settings, annotation) for name in names]


def jobs_of(work):
    """Params function: into how many jobs this work on the brain is divided."""
    return of_wildcards(
        lambda wildcards: PROJECT.brains[wildcards.brain].settings["jobs_per_brain"][work]
    )


def names_of_jobs():
    """What the terminal calls the jobs of the run."""
    slabs = {name: b.settings["jobs_per_brain"]["detection"] for name, b in PROJECT.brains.items()}
    return JobNames(len(FOLDS), slabs, {arm: len(PROJECT.folds_of(arm)) for arm in FINISHED})


def slabs_of(step):
    """Input function: the files of a step of detection, one for each slab of the brain."""
    slabs = jobs_of("detection")
    return of_wildcards(
        lambda wildcards: expand(
            BRAIN.slab(step, "{slab}"), brain=wildcards.brain, slab=range(slabs(wildcards))
        )
    )


def stamps_of(brains, *columns):
    """Size and time of these files of several brains."""
    return [data_stamp(PROJECT.brains[brain], columns) for brain in brains]


def annotations_of(brain):
    """The folder with what people have labelled in a brain."""
    return AnnotationFolder(Path(PROJECT.config.annotation.folder, brain))


@of_wildcards
def stamp_of_answers(wildcards):
    """Params function: sizes and times of what people have labelled in a brain."""
    return answers_stamp(annotations_of(wildcards.brain).answers())


CORRECTED = [brain for brain in PROJECT.corrected() if annotations_of(brain).answers()]


@of_wildcards
def correcting_sample(wildcards):
    """What people labelled in a brain, where it is to correct the brain."""
    files = [BRAIN.sample, BRAIN.sample_blocks, BRAIN.sample_block_cells]
    return expand(files, brain=[brain for brain in CORRECTED if brain == wildcards.brain])


@of_wildcards
def corrected_with(wildcards):
    """Params function: what `counts: corrected` lacks for answers on a brain to count, completed."""
    return PROJECT.corrected_with(wildcards.brain)


@of_wildcards
def corrections_of_brain(wildcards):
    """What that changed, for each arm."""
    corrected = [brain for brain in CORRECTED if brain == wildcards.brain]
    return expand(BRAIN.correction("{arm}"), brain=corrected, arm=PROJECT.arms)


@of_wildcards
def sample_of_brain(wildcards):
    """What people have labelled in a brain, where there is any of it."""
    answers = annotations_of(wildcards.brain).answers()
    return of_brains(BRAIN.sample_summary, [wildcards.brain]) if answers else []


def stamps_where_searched():
    """Size and time of the files that a detector is searched for on, if it is."""
    return stamps_of(TUNED_ON, "signal", "cells", "non_cells") if SEARCHES else None


def stamps_where_kept_by_contrast():
    """Size and time of the annotations that the contrast threshold is chosen by, if it is."""
    kept = PROJECT.config.detection.keep
    wished = kept is not None and kept.contrast is None
    return stamps_of(TUNED_ON, "cells", "non_cells") if wished else None


@of_wildcards
def arm_of(wildcards):
    """The arm as plain data, without what is only for people: a new wording trains nothing."""
    return PROJECT.arms[wildcards.arm].to_dict() | {"description": ""}


@of_wildcards
def doubts_of_shared_files(wildcards):
    """Params function: what may be wrong with a brain beside the others of the run."""
    return doubts_beside_others(PROJECT, wildcards.brain)


def stamp_of(*columns):
    """Params function: size and time of the brain's files, so that changed data are used anew."""
    return of_wildcards(lambda wildcards: data_stamp(PROJECT.brains[wildcards.brain], columns))


def code(script, *more):
    """Params function: hash of the code that a rule's script reaches; an edit runs its jobs again.

    `more` are scripts whose outputs are gone by then, notebooks, and functions of wildcards that
    list modules which a job finds by a name.
    """
    return of_wildcards(
        lambda wildcards: code_of(
            script, *chain.from_iterable(m(wildcards) if callable(m) else [m] for m in more)
        )
    )


@of_wildcards
def modules_of_detector(wildcards):
    """The module of the detector of a brain, or of all that may be chosen."""
    if SEARCHES:
        return modules_of_any_detector(wildcards)
    return [detector_module(PROJECT.config.detection.method)]


@of_wildcards
def modules_of_any_detector(wildcards):
    """The modules of all detectors."""
    return [detector_module(method) for method in list_detectors()]


@of_wildcards
def modules_of_networks(wildcards):
    """The modules of the networks that are at work for an arm: its own, its members', a teacher's."""
    arm = PROJECT.arms[wildcards.arm]
    names = [*(arm.members or [wildcards.arm]), *filter(None, [arm.recipe and arm.recipe.teacher])]
    return sorted({architecture_module(PROJECT.arms[name].architecture) for name in names})


@of_wildcards
def modules_of_released(wildcards):
    """The modules of the networks that are released."""
    return sorted({architecture_module(PROJECT.arms[name].architecture) for name in RELEASED})


@of_wildcards
def modules_of_pretraining(wildcards):
    """The module of the network that is pre-trained."""
    return [architecture_module(PROJECT.pretrainings[wildcards.pretraining].architecture)]


@of_wildcards
def model_of_teacher(wildcards):
    """The model of the same fold of the arm that this one learns from, if it does."""
    teacher = PROJECT.arms[wildcards.arm].recipe.teacher
    model = RESULTS.model(teacher)
    return [model.sidecar(wildcards.fold), model.weights(wildcards.fold)] if teacher else []


# Who learnt from what, where something is learnt here.
TABLE_OF_FOLDS = [RESULTS.folds] if TRAINED else []


def of_brains(pattern, brains):
    """The pattern, filled in for each of the brains."""
    return expand(pattern, brain=brains)


@of_wildcards
def labels_of_brain(wildcards):
    """What is known of a brain's candidates by its annotation, if it has one."""
    files = [BRAIN.labels, BRAIN.labels_summary, BRAIN.annotation, BRAIN.annotation_quality]
    return expand(files, brain=wildcards.brain) if wildcards.brain in ANNOTATED else []


@of_wildcards
def regions_of_brain(wildcards):
    """What is known of a brain's image of regions, if it has one."""
    divided = PROJECT.brains[wildcards.brain].regions is not None
    return of_brains(BRAIN.regions, [wildcards.brain] if divided else [])


@of_wildcards
def summary_of_labels(wildcards):
    """The same in numbers."""
    return of_brains(BRAIN.labels_summary, [b for b in ANNOTATED if b == wildcards.brain])


@of_wildcards
def brains_to_compare(wildcards):
    """The train brains, and the brain that is set beside them."""
    return list(dict.fromkeys([*LEARNT_FROM, wildcards.brain]))


def cells_of_all_arms(brains):
    """The classified cells of these brains by every arm."""
    return expand(BRAIN.cells("{arm}"), brain=brains, arm=PROJECT.arms)


def chunks_of(pattern, brain, **wildcards):
    """The pattern, filled in for each chunk of a brain's candidates."""
    count = PROJECT.brains[brain].settings["jobs_per_brain"]["cuboids"]
    return expand(pattern, brain=brain, chunk=range(1, count + 1), chunks=count, **wildcards)


def of_members(pattern):
    """Input function: the pattern, filled in for each member of an ensemble, and each fold."""
    return of_wildcards(
        lambda wildcards: expand(
            pattern, arm=PROJECT.arms[wildcards.ensemble].members, fold=FOLDS, **wildcards
        )
    )


def of_folds(pattern, arm):
    """The pattern, filled in for each network of an arm."""
    return expand(pattern, arm=arm, fold=PROJECT.folds_of(arm))


@of_wildcards
def sidecars_of_arm(wildcards):
    """The sidecars of an arm's networks."""
    return of_folds(MODEL.sidecar("{fold}"), wildcards.arm)


@of_wildcards
def histories_of_arm(wildcards):
    """How its networks were trained; of a finished model it is not told."""
    return of_folds(FOLD.history, wildcards.arm) if wildcards.arm in TRAINED else []


@of_wildcards
def folds_of_arm(wildcards):
    """The fold of each candidate, where networks of an arm learnt without it."""
    return [] if wildcards.arm in FINISHED else [RESULTS.folds]


@of_wildcards
def finished_files(wildcards):
    """The files of a network of a finished model."""
    return list(PROJECT.models[wildcards.arm].folds[int(wildcards.fold)])


@of_wildcards
def finished_description(wildcards):
    """What a finished model says of itself, where that is a file of its own."""
    folder = Path(PROJECT.models[wildcards.arm].path)
    return [str(ModelFolder(folder).description)] if folder.is_dir() else []


@of_wildcards
def scores_by_member(wildcards):
    """The files of out-of-fold scores of each member of an ensemble."""
    return {
        arm: expand(FOLD.scores, arm=arm, fold=FOLDS)
        for arm in PROJECT.arms[wildcards.ensemble].members
    }


@of_wildcards
def weights_behind(wildcards):
    """The weights of all networks that an arm uses, its own or those of its members."""
    networks = PROJECT.arms[wildcards.arm].members or [wildcards.arm]
    return [file for arm in networks for file in of_folds(MODEL.weights("{fold}"), arm)]


@cache
def cuboids_of(brain):
    """The cuboid stores of a brain, which the jobs of every arm ask for."""
    return chunks_of(CUBOIDS, brain)


def cuboids_by_brain(brains):
    """The cuboid stores of each of the brains."""
    return {brain: cuboids_of(brain) for brain in brains}


@of_wildcards
def cuboids_of_brain(wildcards):
    """The cuboid stores of a brain."""
    return cuboids_of(wildcards.brain)


def cuboids_of_brains(brains):
    """The cuboid stores of all of the brains."""
    return sum(cuboids_by_brain(brains).values(), [])


@of_wildcards
def logits_of_chunks(wildcards):
    """Scores of a brain's chunks; none where it is scored at once or when networks are trained."""
    learnt_from = wildcards.brain in LEARNT_FROM and wildcards.arm in TRAINED
    if learnt_from or len(cuboids_of(wildcards.brain)) == 1:
        return []
    return chunks_of(LOGITS, wildcards.brain, arm=wildcards.arm)


@of_wildcards
def brains_of_pretraining(wildcards):
    """The brains whose cuboids a pre-training uses."""
    return PROJECT.brains_of(*PROJECT.pretrainings[wildcards.pretraining].roles)


@of_wildcards
def starting_points(wildcards):
    """The weights that an arm starts from: of a pre-training, of another model, or none."""
    recipe = PROJECT.arms[wildcards.arm].recipe
    if name := recipe.pretraining:
        made = RESULTS.pretraining(name)
        return [made.sidecar, made.weights]
    return [recipe.init_from] if recipe.init_from else []


@of_wildcards
def jobs_of_search(wildcards):
    """The trials that the jobs of a search have done, without one fold or on all."""
    jobs = PROJECT.arms[wildcards.arm].search.jobs
    return expand(SEARCH.job("{job}"), job=range(1, jobs + 1), **wildcards)


@of_wildcards
def chosen_recipe(wildcards):
    """The recipe that a search without this fold has chosen for an arm, if it has a search."""
    chosen = RESULTS.search(wildcards.arm, f"fold-{wildcards.fold}").chosen
    return [chosen] if PROJECT.arms[wildcards.arm].search else []


@of_wildcards
def recipe_chosen_on_all(wildcards):
    """The recipe that a search on all folds has chosen for an arm, if it has a search."""
    chosen = RESULTS.search(wildcards.arm).chosen
    return [chosen] if PROJECT.arms[wildcards.arm].search else []


@of_wildcards
def final_model_of_teacher(wildcards):
    """The network of its teacher that has learnt from all annotated brains, if it has a teacher."""
    teacher = PROJECT.arms[wildcards.arm].recipe.teacher
    files = [FINAL.sidecar("all"), FINAL.weights("all")]
    return expand(files, arm=teacher) if teacher else []


def trials_of_searches():
    """The trials of each search of each arm: one for each fold, and one on all."""
    studies = ["all", *(f"fold-{fold}" for fold in FOLDS)]
    return expand(SEARCH.trials, arm=SEARCHED, study=studies)


def final_targets():
    """What a finished run has made."""
    return [
        RESULTS.index_page,
        *expand(RESULTS.brain_page("{brain}"), brain=PROJECT.brains),
        *cells_of_all_arms(PROJECT.brains),
        *expand(BRAIN.corrected_xml("{arm}"), brain=CORRECTED, arm=PROJECT.arms),
        *expand(EXPLANATION.montage, arm=PROJECT.arms),
        *([RESULTS.detection_page] if SEARCHES else []),
        *([RESULTS.released] if WANTED else []),
        *([RESULTS.mlflow] if PROJECT.config.mlflow and not DRAFT else []),
    ]


@of_wildcards
def out_of_fold_scores(wildcards):
    """A brain that was learnt from is scored by the networks that did not see its candidates."""
    if wildcards.brain not in LEARNT_FROM or wildcards.arm not in TRAINED:
        return []
    return expand(FOLD.scores, arm=wildcards.arm, fold=FOLDS)


@of_wildcards
def joined_scores(wildcards):
    """The same for an ensemble: its weights for a candidate are fitted on the other folds."""
    learnt_from = wildcards.brain in LEARNT_FROM
    return [RESULTS.training(wildcards.ensemble).scores] if learnt_from else []
