# Optional: `mlflow: true` in the config.
rule track:
    input:
        rules.evaluate.output,
        expand(f"{RESULTS}/models/{{arm}}/model.json", arm=PROJECT.arms),
        expand(f"{RESULTS}/models/{{arm}}/fold-{{fold}}.json", arm=NETWORKS, fold=FOLDS),
        expand(f"{RESULTS}/training/{{arm}}/fold-{{fold}}/history.csv", arm=NETWORKS, fold=FOLDS),
    output:
        directory(f"{RESULTS}/mlflow"),
    log:
        f"{RESULTS}/logs/track.log",
    conda:
        environment("tracking")
    params:
        arms=[arm.to_dict() for arm in PROJECT.arms.values()],
        code=code("interop/mlflow_store.py"),
    script:
        "../../scripts/track.py"
