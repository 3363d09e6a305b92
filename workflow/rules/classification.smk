def out_of_fold_scores(wildcards):
    """A brain that was learnt from is scored by the networks that did not see its candidates."""
    if wildcards.brain not in LEARNT_FROM:
        return []
    return expand(
        f"{RESULTS}/training/{{arm}}/fold-{{fold}}/scores.csv", arm=wildcards.arm, fold=FOLDS
    )


rule classify:
    input:
        cuboids=f"{BRAINS}/cuboids.zarr",
        model=f"{RESULTS}/models/{{arm}}/model.json",
        weights=expand(
            f"{RESULTS}/models/{{arm}}/fold-{{fold}}.safetensors", fold=FOLDS, allow_missing=True
        ),
        scores=out_of_fold_scores,
    output:
        table=f"{BRAINS}/{{arm}}/cells.csv",
        xml=f"{BRAINS}/{{arm}}/cells.xml",
    log:
        f"{RESULTS}/logs/classify/{{arm}}/{{brain}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/classify/{{arm}}/{{brain}}.tsv"
    threads: 1
    params:
        code=code("inference/classify.py", "io/cells.py"),
    conda:
        "../../envs/networks.yaml"
    script:
        "../../scripts/classify.py"
