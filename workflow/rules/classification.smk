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
        environment("networks")
    threads: 1
    params:
        code=code("score_chunk", modules_of_networks),
    script:
        "../../scripts/score_chunk.py"


# With one chunk it scores the candidates itself. Names what chunks and cuboids depend on, too, which
# may be gone when theirs could be compared.
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
        logits=f"{BRAINS}/{{arm}}/logits.npy",
        table=f"{BRAINS}/{{arm}}/cells.csv",
        xml=f"{BRAINS}/{{arm}}/cells.xml",
    log:
        f"{RESULTS}/logs/classify/{{arm}}/{{brain}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/classify/{{arm}}/{{brain}}.tsv"
    conda:
        environment("networks")
    threads: 1
    params:
        code=code("classify", "score_chunk", "cuboids", modules_of_networks),
    script:
        "../../scripts/classify.py"


# An ensemble takes its members' logits: no network is used again.
rule classify_ensemble:
    input:
        model=f"{RESULTS}/models/{{ensemble}}/model.json",
        cells=of_members(f"{BRAINS}/{{arm}}/cells.csv"),
        logits=of_members(f"{BRAINS}/{{arm}}/logits.npy"),
        scores=joined_scores,
    output:
        table=f"{BRAINS}/{{ensemble}}/cells.csv",
        xml=f"{BRAINS}/{{ensemble}}/cells.xml",
    log:
        f"{RESULTS}/logs/classify_ensemble/{{ensemble}}/{{brain}}.log",
    conda:
        environment("volumes")
    params:
        code=code("classify_ensemble"),
    script:
        "../../scripts/classify_ensemble.py"
