rule evaluate:
    input:
        candidates=of_brains("candidates.csv", ANNOTATED),
        labels=of_brains("labels.csv", ANNOTATED),
        cells=cells_of_all_arms(ANNOTATED),
        models=expand(f"{RESULTS}/models/{{arm}}/model.json", arm=PROJECT.arms),
    output:
        multiext(
            f"{RESULTS}/evaluation/",
            "classification.csv",
            "end_to_end.csv",
            "detection.csv",
            "confusion.csv",
            "roc.csv",
            "precision_recall.csv",
            "calibration_curve.csv",
            "comparison.csv",
        ),
    log:
        f"{RESULTS}/logs/evaluate.log",
    conda:
        environment("volumes")
    params:
        brains=brains_with(ANNOTATED, "matching", annotation=True),
        roles={name: PROJECT.brains[name].role for name in ANNOTATED},
        arms=list(PROJECT.arms),
        seed=PROJECT.config.seed,
        code=code("evaluation", *ANNOTATION),
    script:
        "../../scripts/evaluate.py"


rule cost:
    input:
        sidecar=f"{RESULTS}/models/{{arm}}/fold-0.json",
        weights=f"{RESULTS}/models/{{arm}}/fold-0.safetensors",
        histories=expand(
            f"{RESULTS}/training/{{arm}}/fold-{{fold}}/history.csv", fold=FOLDS, allow_missing=True
        ),
    output:
        f"{RESULTS}/evaluation/cost/{{arm}}.json",
    log:
        f"{RESULTS}/logs/cost/{{arm}}.log",
    conda:
        environment("networks")
    # Alone on this machine, as it measures time; a cluster gives it what its profile says.
    threads: workflow.resource_settings.cores or 1
    params:
        code=code("inference/cost.py"),
    script:
        "../../scripts/cost.py"


rule cost_ensemble:
    input:
        of_members(f"{RESULTS}/evaluation/cost/{{arm}}.json"),
    output:
        f"{RESULTS}/evaluation/cost/{{ensemble}}.json",
    log:
        f"{RESULTS}/logs/cost_ensemble/{{ensemble}}.log",
    conda:
        environment("volumes")
    params:
        code=code("calibration/ensemble.py"),
    script:
        "../../scripts/cost_ensemble.py"
