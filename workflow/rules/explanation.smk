rule explain:
    input:
        model=f"{RESULTS}/models/{{arm}}/model.json",
        weights=weights_behind,
        cuboids=cuboids_of_brains(ANNOTATED),
        labels=of_brains("labels.csv", ANNOTATED),
        cells=expand(f"{BRAINS}/{{arm}}/cells.csv", brain=ANNOTATED, allow_missing=True),
        folds=f"{RESULTS}/training/folds.csv",
    output:
        chosen=f"{RESULTS}/explanations/{{arm}}/chosen.csv",
        montage=f"{RESULTS}/explanations/{{arm}}/montage.png",
        saliency=f"{RESULTS}/explanations/{{arm}}/saliency.tif",
    log:
        f"{RESULTS}/logs/explain/{{arm}}.log",
    wildcard_constraints:
        arm=one_of(PROJECT.arms),
    conda:
        environment("networks")
    params:
        cuboids=cuboids_by_brain(ANNOTATED),
        examples=PROJECT.config.explain.examples,
        code=code("explain"),
    script:
        "../../scripts/explain.py"
