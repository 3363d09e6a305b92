# How many cells there are, by what the train brains say of a further one, and by what people labelled
# in the brain itself.
rule count:
    """Count the cells of a brain by every arm, with intervals."""
    input:
        cells=expand(BRAIN.cells("{arm}"), arm=PROJECT.arms, allow_missing=True),
        models=expand(MODEL.description, arm=PROJECT.arms),
        train_labels=of_brains(BRAIN.labels, LEARNT_FROM),
        train_summaries=of_brains(BRAIN.labels_summary, LEARNT_FROM),
        train_cells=cells_of_all_arms(LEARNT_FROM),
        folds=TABLE_OF_FOLDS,
        sample=correcting_sample,
        answers=sample_of_brain,
        summary=summary_of_labels,
        alarm=BRAIN.alarm,
        volumes=BRAIN.volumes,
        regions=regions_of_brain,
        choice=CHOICE,
    output:
        table=BRAIN.counts,
        document=BRAIN.count,
    log:
        RESULTS.log("count", "{brain}"),
    benchmark:
        RESULTS.benchmark("count", "{brain}")
    conda:
        environment("volumes")
    params:
        brain=brain_with("matching", regions=True),
        data=stamp_of("regions", "region_names"),
        corrected_with=corrected_with,
        wish={key: CONFIG["annotation"][key] for key in ("blocks", "block_um")},
        arms=list(PROJECT.arms),
        train=LEARNT_FROM,
        held_out=list(FOLDS),
        seed=PROJECT.config.seed,
        code=code("count"),
    script:
        "../../scripts/count.py"


rule correct:
    """Classify a brain as what people labelled in it says."""
    input:
        cells=BRAIN.cells("{any_arm}"),
        model=RESULTS.model("{any_arm}").description,
        train_labels=of_brains(BRAIN.labels, LEARNT_FROM),
        train_summaries=of_brains(BRAIN.labels_summary, LEARNT_FROM),
        train_cells=expand(BRAIN.cells("{any_arm}"), brain=LEARNT_FROM, allow_missing=True),
        folds=TABLE_OF_FOLDS,
        sample=correcting_sample,
        choice=CHOICE,
    output:
        table=BRAIN.corrected("{any_arm}"),
        xml=BRAIN.corrected_xml("{any_arm}"),
        document=BRAIN.correction("{any_arm}"),
    log:
        RESULTS.log("correct", "{any_arm}/{brain}"),
    conda:
        environment("volumes")
    params:
        brain=brain_with("matching"),
        train=LEARNT_FROM,
        held_out=list(FOLDS),
        seed=PROJECT.config.seed,
        code=code("correct"),
    script:
        "../../scripts/correct.py"
