rule explain:
    """Show where an arm looked, on telling examples."""
    input:
        model=MODEL.description,
        weights=weights_behind,
        cuboids=cuboids_of_brains(ANNOTATED),
        labels=of_brains(BRAIN.labels, ANNOTATED),
        cells=expand(BRAIN.cells("{arm}"), brain=ANNOTATED, allow_missing=True),
        folds=RESULTS.folds,
    output:
        chosen=EXPLANATION.chosen,
        montage=EXPLANATION.montage,
        saliency=EXPLANATION.saliency,
    log:
        RESULTS.log("explain", "{arm}"),
    wildcard_constraints:
        arm=one_of(PROJECT.arms),
    conda:
        environment("networks")
    params:
        cuboids=cuboids_by_brain(ANNOTATED),
        examples=PROJECT.config.explain.examples,
        code=code("explain", modules_of_networks),
    script:
        "../../scripts/explain.py"
