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
    conda:
        "../../envs/networks.yaml"
    threads: 1
    params:
        code=code("inference/classify.py", "io/cells.py"),
    script:
        "../../scripts/classify.py"
