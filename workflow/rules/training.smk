rule folds:
    """Divide the labelled candidates of the train brains into folds."""
    input:
        labels=of_brains(BRAIN.labels, LEARNT_FROM),
        summaries=of_brains(BRAIN.labels_summary, LEARNT_FROM),
        choice=CHOICE,
    output:
        RESULTS.folds,
    log:
        RESULTS.log("folds"),
    conda:
        environment("networks")
    params:
        brains=brains_with(LEARNT_FROM, "cuboid"),
        training={key: CONFIG["training"][key] for key in ("folds", "group_by")},
        code=code("folds"),
    script:
        "../../scripts/folds.py"


rule train:
    """Train an arm with one fold held out."""
    input:
        cuboids_of_brains(LEARNT_FROM),
        starting_point=starting_points,
        folds=RESULTS.folds,
        teacher=model_of_teacher,
        chosen=chosen_recipe,
    output:
        weights=MODEL.weights("{fold}"),
        sidecar=MODEL.sidecar("{fold}"),
        history=FOLD.history,
        scores=FOLD.scores,
        tensorboard=directory(FOLD.tensorboard),
    log:
        RESULTS.log("train", "{arm}/fold-{fold}"),
    benchmark:
        RESULTS.benchmark("train", "{arm}/fold-{fold}")
    wildcard_constraints:
        arm=one_of(TRAINED),
    conda:
        environment("networks")
    threads: 1
    params:
        arm=arm_of,
        cuboids=cuboids_by_brain(LEARNT_FROM),
        checkpoint=str(RESULTS.training_checkpoint("{arm}", "{fold}")),
        seed=PROJECT.config.seed,
        code=code("train", modules_of_networks),
    script:
        "../../scripts/train.py"


rule calibrate:
    """Make one model of an arm's folds, with temperature and threshold."""
    input:
        scores=expand(FOLD.scores, fold=FOLDS, allow_missing=True),
        sidecars=expand(MODEL.sidecar("{fold}"), fold=FOLDS, allow_missing=True),
        # For the model's record of detection alone.
        contrast=RESULTS.contrast_threshold if RECORDED else [],
        choice=CHOICE if RECORDED else [],
    output:
        MODEL.description,
    log:
        RESULTS.log("calibrate", "{arm}"),
    wildcard_constraints:
        arm=one_of(TRAINED),
    conda:
        environment("volumes")
    params:
        threshold=CONFIG["threshold"],
        detections={name: PROJECT.brains[name].detector for name in RECORDED},
        draft=DRAFT,
        code=code("calibrate"),
    script:
        "../../scripts/calibrate.py"


rule combine:
    """Make an ensemble of its members by their out-of-fold scores."""
    input:
        scores=of_members(FOLD.scores),
        models=of_members(MODEL.description),
    output:
        model=RESULTS.model("{ensemble}").description,
        scores=RESULTS.training("{ensemble}").scores,
    log:
        RESULTS.log("combine", "{ensemble}"),
    conda:
        environment("volumes")
    params:
        members=scores_by_member,
        method=lambda wildcards: PROJECT.arms[wildcards.ensemble].options["method"],
        threshold=CONFIG["threshold"],
        draft=DRAFT,
        code=code("combine"),
    script:
        "../../scripts/combine.py"


rule accept_fold:
    """Check a network of a finished model, and keep it as those of trained arms."""
    input:
        finished_files,
    output:
        weights=MODEL.weights("{fold}"),
        sidecar=MODEL.sidecar("{fold}"),
    log:
        RESULTS.log("accept_fold", "{arm}/fold-{fold}"),
    wildcard_constraints:
        arm=one_of(FINISHED),
    conda:
        environment("networks")
    params:
        source=lambda wildcards: PROJECT.models[wildcards.arm].path,
        code=code("accept_fold", modules_of_networks),
    script:
        "../../scripts/accept_fold.py"


rule accept_model:
    """Use a finished model as an arm, with its own temperature and threshold."""
    input:
        finished_description,
        folds=sidecars_of_arm,
    output:
        MODEL.description,
    log:
        RESULTS.log("accept_model", "{arm}"),
    wildcard_constraints:
        arm=one_of(FINISHED),
    conda:
        environment("volumes")
    params:
        source=lambda wildcards: PROJECT.models[wildcards.arm].path,
        learnt_from=lambda wildcards: list(PROJECT.models[wildcards.arm].learnt_from),
        threshold=lambda wildcards: PROJECT.arms[wildcards.arm].threshold,
        code=code("accept_model"),
    script:
        "../../scripts/accept_model.py"
