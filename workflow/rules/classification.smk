rule score_chunk:
    input:
        cuboids=cuboids_of_brain,
        model=f"{RESULTS}/models/{{arm}}/model.json",
        weights=expand(
            f"{RESULTS}/models/{{arm}}/fold-{{fold}}.safetensors", fold=FOLDS, allow_missing=True
        ),
    output:
        temp(LOGITS),
    log:
        f"{RESULTS}/logs/score_chunk/{{arm}}/{{brain}}/{{chunk}}-of-{{chunks}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/score_chunk/{{arm}}/{{brain}}/{{chunk}}-of-{{chunks}}.tsv"
    conda:
        "../../envs/networks.yaml"
    threads: 1
    params:
        code=code("inference/classify.py"),
    script:
        "../../scripts/score_chunk.py"


# With one chunk it scores the candidates itself.
rule classify:
    input:
        cuboids=cuboids_of_brain,
        model=f"{RESULTS}/models/{{arm}}/model.json",
        weights=expand(
            f"{RESULTS}/models/{{arm}}/fold-{{fold}}.safetensors", fold=FOLDS, allow_missing=True
        ),
        scores=out_of_fold_scores,
        logits=logits_of_chunks,
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
