"""Reads the project and lists what the rules need of it; decides nothing else."""

import hashlib
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.settings.types import DeploymentMethod

SCRIPTS = Path(workflow.basedir).parent / "scripts"
sys.path.insert(0, str(SCRIPTS))

from cellsift.project.reading import load_project
from cellsift.detection import measures_contrast_apart
from cellsift.workflow.environments import environment_for
from cellsift.errors import InputError
from cellsift.workflow.stamp import data_stamp
from cellsift.models import architecture_files
from cellsift.preflight.shared import check_brains, told_beside
from cellsift.workflow.run_lock import STATE

try:
    PROJECT = load_project(config)
    if workflow.is_main_process:
        # It loads torch, which jobs of a cluster need not do to read the rules.
        from cellsift.project.network_checks import check_networks

        check_networks(PROJECT)
        check_brains(PROJECT)
except InputError as problem:
    raise WorkflowError(str(problem)) from None

# As plain data, for params.
CONFIG = PROJECT.config.to_dict()
RESULTS = PROJECT.config.results
BRAINS = f"{RESULTS}/brains/{{brain}}"
CUBOIDS = f"{BRAINS}/cuboids/{{chunk}}-of-{{chunks}}.zarr"
SCORES = f"{RESULTS}/training/{{arm}}/fold-{{fold}}/scores.csv"
LOGITS = f"{BRAINS}/{{arm}}/logits/{{chunk}}-of-{{chunks}}.npy"
# The step of detection whose slabs hold the candidates with their contrast.
MEASURED = "contrast" if measures_contrast_apart(PROJECT.config.detection.method) else "detect"
# The modules that read annotations, and those that look for what is wrong with them.
ANNOTATION = [f"io/{name}.py" for name in ("cells", "cells_csv", "cell_counter", "text_files")]
ANNOTATION_CHECKS = [
    *(f"preflight/{name}.py" for name in ("annotation", "positions", "repeated")),
    "labels/placement.py",
]
FOLDS = range(PROJECT.config.training.folds)
LEARNT_FROM = PROJECT.brains_of("train", annotated=True)
ANNOTATED = PROJECT.brains_of("train", "test", annotated=True)
# Arms that are trained, and arms that are made of them. Rules name the latter {ensemble}.
NETWORKS = [name for name, arm in PROJECT.arms.items() if not arm.members]
ENSEMBLES = [name for name, arm in PROJECT.arms.items() if arm.members]
SEARCHED = [name for name, arm in PROJECT.arms.items() if arm.search]
PASSING = [] if PROJECT.config.keep_cuboids else PROJECT.brains_of("predict")
KEPT = [brain for brain in PROJECT.brains if brain not in PASSING]


def environment(name):
    """The file of a rule's environment, for the Python that runs Snakemake where conda is used."""
    source = SCRIPTS.parent / "envs" / f"{name}.yaml"
    if DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method:
        try:
            source = environment_for(source, Path.cwd() / STATE / "environments")
        except InputError as problem:
            raise WorkflowError(str(problem)) from None
    return str(source)


def one_of(names):
    """Regular expression that matches just these names; nothing if there are none."""
    return "|".join(map(re.escape, names)) or r"(?!)"


wildcard_constraints:
    brain=one_of(PROJECT.brains),
    arm=one_of(NETWORKS),
    ensemble=one_of(ENSEMBLES),
    fold=r"\d+",
    pretraining=one_of(PROJECT.pretrainings),
    study=r"all|fold-\d+",
    job=r"\d+",
    chunk=r"\d+",
    chunks=r"\d+",
    slab=r"\d+",


def brain_with(*settings, annotation=False):
    """Params function: what a rule needs of a brain, as plain data; a change runs its jobs again."""
    return lambda wildcards: PROJECT.brains[wildcards.brain].to_dict(settings, annotation)


def brains_with(names, *settings, annotation=False):
    """The same for several brains."""
    return [PROJECT.brains[name].to_dict(settings, annotation) for name in names]


def jobs_of(work):
    """Params function: into how many jobs this work on the brain is divided."""
    return lambda wildcards: PROJECT.brains[wildcards.brain].settings["jobs_per_brain"][work]


def slabs_of(step):
    """Input function: the files of a step of detection, one for each slab of the brain."""
    slabs = jobs_of("detection")
    return lambda wildcards: expand(
        f"{BRAINS}/detection/{step}-{{slab}}.npz",
        brain=wildcards.brain,
        slab=range(slabs(wildcards)),
    )


def stamps_where_kept_by_contrast():
    """Size and time of the annotations that the contrast threshold is chosen by, if it is."""
    if PROJECT.config.detection.keep is None:
        return None
    return [data_stamp(PROJECT.brains[brain], ("cells", "non_cells")) for brain in LEARNT_FROM]


def arm_of(wildcards):
    """The arm as plain data, without what is only for people: a new wording trains nothing."""
    return PROJECT.arms[wildcards.arm].to_dict() | {"description": ""}


def told_beside_others(wildcards):
    """Params function: what is to be told of a brain beside the others of the run."""
    return told_beside(PROJECT, wildcards.brain)


def stamp_of(*columns):
    """Params function: size and time of the brain's files, so that changed data are used anew."""
    return lambda wildcards: data_stamp(PROJECT.brains[wildcards.brain], columns)


def code(*parts):
    """Hash of modules that jobs depend on: an edit of them runs its jobs again."""
    files = [path for part in parts for path in _modules(SCRIPTS / "cellsift" / part)]
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]


def network_code(wildcards):
    """Hash of what an arm's network is made of; other families do not count."""
    family = architecture_files(PROJECT.arms[wildcards.arm].architecture)
    common = ["cuboids", *(f"models/{name}.py" for name in ("backbone", "starting_weights"))]
    start = [f"interop/{name}.py" for name in ("cellfinder_weights", "keras_files")]
    return code("training", *common, *start, *family)


def search_code(wildcards):
    """Hash of what decides the trials of a search."""
    return code("training/search") + network_code(wildcards)


def pretraining_code(wildcards):
    """Hash of what a pre-training is made of."""
    family = architecture_files(PROJECT.pretrainings[wildcards.pretraining].architecture)
    steps = [f"training/{name}.py" for name in ("augmentation", "optimisation", "seeds")]
    common = ["cuboids", "models/backbone.py"]
    return code("training/pretraining", *steps, *common, *family)


def _modules(path):
    return [path] if path.suffix == ".py" else sorted(path.rglob("*.py"))


def model_of_teacher(wildcards):
    """The model of the same fold of the arm that this one learns from, if it does."""
    teacher = PROJECT.arms[wildcards.arm].recipe.teacher
    files = multiext(f"{RESULTS}/models/{teacher}/fold-{wildcards.fold}", ".json", ".safetensors")
    return files if teacher else []


def of_brains(pattern, brains):
    """The pattern, filled in for each of the brains."""
    return expand(f"{BRAINS}/{pattern}", brain=brains)


def cells_of_all_arms(brains):
    """The classified cells of these brains by every arm."""
    return expand(f"{BRAINS}/{{arm}}/cells.csv", brain=brains, arm=PROJECT.arms)


def chunks_of(pattern, brain, **wildcards):
    """The pattern, filled in for each chunk of a brain's candidates."""
    count = PROJECT.brains[brain].settings["jobs_per_brain"]["cuboids"]
    return expand(pattern, brain=brain, chunk=range(1, count + 1), chunks=count, **wildcards)


def of_members(pattern):
    """Input function: the pattern, filled in for each member of an ensemble, and each fold."""
    return lambda wildcards: expand(
        pattern, arm=PROJECT.arms[wildcards.ensemble].members, fold=FOLDS, **wildcards
    )


def scores_by_member(wildcards):
    """The files of out-of-fold scores of each member of an ensemble."""
    return {
        arm: expand(SCORES, arm=arm, fold=FOLDS) for arm in PROJECT.arms[wildcards.ensemble].members
    }


def weights_behind(wildcards):
    """The weights of all networks that an arm uses, its own or those of its members."""
    networks = PROJECT.arms[wildcards.arm].members or [wildcards.arm]
    return expand(f"{RESULTS}/models/{{arm}}/fold-{{fold}}.safetensors", arm=networks, fold=FOLDS)


def cuboids_by_brain(brains):
    """The cuboid stores of each of the brains."""
    return {brain: chunks_of(CUBOIDS, brain) for brain in brains}


def cuboids_of_brain(wildcards):
    """The cuboid stores of a brain."""
    return chunks_of(CUBOIDS, wildcards.brain)


def cuboids_of_brains(brains):
    """The cuboid stores of all of the brains."""
    return sum(cuboids_by_brain(brains).values(), [])


def logits_of_chunks(wildcards):
    """Scores of a brain's chunks; none where it is scored at once or when networks are trained."""
    files = chunks_of(LOGITS, wildcards.brain, arm=wildcards.arm)
    return files if len(files) > 1 and wildcards.brain not in LEARNT_FROM else []


def brains_of_pretraining(wildcards):
    """The brains whose cuboids a pre-training uses."""
    return PROJECT.brains_of(*PROJECT.pretrainings[wildcards.pretraining].roles)


def starting_points(wildcards):
    """The weights that an arm starts from: of a pre-training, of another model, or none."""
    recipe = PROJECT.arms[wildcards.arm].recipe
    if name := recipe.pretraining:
        return multiext(f"{RESULTS}/pretraining/{name}/backbone", ".json", ".safetensors")
    return [recipe.init_from] if recipe.init_from else []


def jobs_of_search(wildcards):
    """The trials that the jobs of a search have done, without one fold or on all."""
    jobs = PROJECT.arms[wildcards.arm].search.jobs
    trials = f"{RESULTS}/search/{{arm}}/{{study}}/job-{{job}}.csv"
    return expand(trials, job=range(1, jobs + 1), **wildcards)


def chosen_recipe(wildcards):
    """The recipe that a search without this fold has chosen for an arm, if it has a search."""
    chosen = f"{RESULTS}/search/{wildcards.arm}/fold-{wildcards.fold}/chosen.json"
    return [chosen] if PROJECT.arms[wildcards.arm].search else []


def trials_of_searches():
    """The trials of each search of each arm: one for each fold, and one on all."""
    studies = ["all", *(f"fold-{fold}" for fold in FOLDS)]
    return expand(f"{RESULTS}/search/{{arm}}/{{study}}/trials.csv", arm=SEARCHED, study=studies)


def final_targets():
    """What a finished run has made."""
    return [
        f"{RESULTS}/reports/index.html",
        *expand(f"{RESULTS}/reports/brains/{{brain}}.html", brain=PROJECT.brains),
        *cells_of_all_arms(PROJECT.brains),
        *([f"{RESULTS}/mlflow"] if PROJECT.config.mlflow else []),
    ]


def out_of_fold_scores(wildcards):
    """A brain that was learnt from is scored by the networks that did not see its candidates."""
    if wildcards.brain not in LEARNT_FROM:
        return []
    return expand(SCORES, arm=wildcards.arm, fold=FOLDS)


def joined_scores(wildcards):
    """The same for an ensemble: its weights for a candidate are fitted on the other folds."""
    learnt_from = wildcards.brain in LEARNT_FROM
    return f"{RESULTS}/training/{wildcards.ensemble}/scores.csv" if learnt_from else []
