rule score_chunk:
    """Score one chunk of a brain's candidates by an arm."""
    input:
        cuboids=cuboids_of_brain,
        model=MODEL.description,
        weights=weights_behind,
    output:
        temp(LOGITS),
    log:
        RESULTS.log("score_chunk", "{arm}/{brain}/{chunk}-of-{chunks}"),
    benchmark:
        RESULTS.benchmark("score_chunk", "{arm}/{brain}/{chunk}-of-{chunks}")
    conda:
        environment("networks")
    threads: 1
    params:
        code=code("score_chunk", modules_of_networks),
    script:
        "../../scripts/score_chunk.py"


# Names what chunks and cuboids depend on, too, which may be gone when theirs could be compared.
rule classify:
    """Give every candidate of a brain its probability by an arm."""
    input:
        cuboids=cuboids_of_brain,
        model=MODEL.description,
        weights=weights_behind,
        scores=out_of_fold_scores,
        # With one chunk there are none: the candidates are scored here.
        logits=logits_of_chunks,
    output:
        logits=BRAIN.logits("{arm}"),
        table=BRAIN.cells("{arm}"),
        xml=BRAIN.cells_xml("{arm}"),
    log:
        RESULTS.log("classify", "{arm}/{brain}"),
    benchmark:
        RESULTS.benchmark("classify", "{arm}/{brain}")
    conda:
        environment("networks")
    threads: 1
    params:
        code=code("classify", "score_chunk", "cuboids", modules_of_networks),
    script:
        "../../scripts/classify.py"


rule classify_ensemble:
    """Give every candidate its probability by the logits of an ensemble's members."""
    input:
        model=RESULTS.model("{ensemble}").description,
        cells=of_members(BRAIN.cells("{arm}")),
        logits=of_members(BRAIN.logits("{arm}")),
        scores=joined_scores,
    output:
        table=BRAIN.cells("{ensemble}"),
        xml=BRAIN.cells_xml("{ensemble}"),
    log:
        RESULTS.log("classify_ensemble", "{ensemble}/{brain}"),
    conda:
        environment("volumes")
    params:
        members=lambda wildcards: PROJECT.arms[wildcards.ensemble].members,
        code=code("classify_ensemble"),
    script:
        "../../scripts/classify_ensemble.py"
