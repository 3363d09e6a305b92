rule explain:
    """Show where an arm looked, on telling examples."""
    input:
        model=MODEL.description,
        weights=weights_behind,
        cuboids=cuboids_of_brains(EXPLAINED),
        labels=of_brains(BRAIN.labels, ANNOTATED),
        cells=expand(BRAIN.cells("{arm}"), brain=EXPLAINED, allow_missing=True),
        folds=folds_of_arm,
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
        cuboids=cuboids_by_brain(EXPLAINED),
        annotated=ANNOTATED,
        held_out=list(FOLDS),
        examples=PROJECT.config.explain.examples,
        code=code("explain", modules_of_networks),
    script:
        "../../scripts/explain.py"
