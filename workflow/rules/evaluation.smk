rule evaluate:
    """Compare all arms on the annotated brains."""
    input:
        candidates=of_brains(BRAIN.candidates, ANNOTATED),
        labels=of_brains(BRAIN.labels, ANNOTATED),
        volumes=of_brains(BRAIN.volumes, ANNOTATED),
        cells=cells_of_all_arms(ANNOTATED),
        models=expand(MODEL.description, arm=PROJECT.arms),
        folds=TABLE_OF_FOLDS,
        choice=CHOICE,
    output:
        RESULTS.evaluation("classification"),
        RESULTS.evaluation("end_to_end"),
        RESULTS.evaluation("detection"),
        RESULTS.evaluation("confusion"),
        RESULTS.evaluation("roc"),
        RESULTS.evaluation("precision_recall"),
        RESULTS.evaluation("calibration_curve"),
        RESULTS.evaluation("calibration_error"),
        RESULTS.evaluation("operating_points"),
        RESULTS.evaluation("failures"),
        RESULTS.evaluation("comparison"),
        RESULTS.evaluation("paired_tests"),
        RESULTS.evaluation("left_out"),
        RESULTS.evaluation("verdicts"),
        RESULTS.evaluation("agreement"),
    log:
        RESULTS.log("evaluate"),
    conda:
        environment("volumes")
    params:
        brains=brains_with(ANNOTATED, "matching", annotation=True),
        roles={name: PROJECT.brains[name].role for name in ANNOTATED},
        arms=list(PROJECT.arms),
        held_out=list(FOLDS),
        seed=PROJECT.config.seed,
        code=code("evaluate"),
    script:
        "../../scripts/evaluate.py"


rule cost:
    """Measure what an arm costs on this machine."""
    input:
        sidecar=MODEL.sidecar(0),
        weights=MODEL.weights(0),
        histories=histories_of_arm,
    output:
        RESULTS.cost("{arm}"),
    log:
        RESULTS.log("cost", "{arm}"),
    conda:
        environment("networks")
    # Alone on this machine, as it measures time; a cluster gives it what its profile says.
    threads: workflow.resource_settings.cores or 1
    params:
        code=code("cost", modules_of_networks),
    script:
        "../../scripts/cost.py"


rule cost_ensemble:
    """Add up what the members of an ensemble cost."""
    input:
        of_members(RESULTS.cost("{arm}")),
    output:
        RESULTS.cost("{ensemble}"),
    log:
        RESULTS.log("cost_ensemble", "{ensemble}"),
    conda:
        environment("volumes")
    params:
        code=code("cost_ensemble"),
    script:
        "../../scripts/cost_ensemble.py"
