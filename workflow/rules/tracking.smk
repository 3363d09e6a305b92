rule track:
    """Write the comparison as an MLflow file store; only with `mlflow: true`."""
    input:
        rules.evaluate.output,
        expand(MODEL.description, arm=PROJECT.arms),
        expand(MODEL.sidecar("{fold}"), arm=TRAINED, fold=FOLDS),
        expand(FOLD.history, arm=TRAINED, fold=FOLDS),
    output:
        directory(RESULTS.mlflow),
    log:
        RESULTS.log("track"),
    conda:
        environment("tracking")
    params:
        arms=[arm.to_dict() for arm in PROJECT.arms.values()],
        code=code("track"),
    script:
        "../../scripts/track.py"
