# With `mode: release`: after the comparison one arm learns from all annotated brains, and is packed.
# The networks of the comparison stay as they are.
rule train_final:
    """Train an arm on all annotated brains, for as long as the comparison has shown."""
    input:
        cuboids_of_brains(LEARNT_FROM_AT_LAST),
        labels=of_brains(BRAIN.labels, LEARNT_FROM_AT_LAST),
        starting_point=starting_points,
        folds=RESULTS.folds,
        sidecars=sidecars_of_arm,
        teacher=final_model_of_teacher,
        chosen=recipe_chosen_on_all,
    output:
        weights=FINAL.weights("all"),
        sidecar=FINAL.sidecar("all"),
        history=FINAL_TRAINING.history,
        tensorboard=directory(FINAL_TRAINING.tensorboard),
    log:
        RESULTS.log("train_final", "{arm}"),
    benchmark:
        RESULTS.benchmark("train_final", "{arm}")
    wildcard_constraints:
        arm=one_of(TRAINED),
    conda:
        environment("networks")
    threads: 1
    params:
        arm=arm_of,
        cuboids=cuboids_by_brain(LEARNT_FROM_AT_LAST),
        checkpoint=str(RESULTS.final.training_checkpoint("{arm}", "all")),
        seed=PROJECT.config.seed,
        code=code("train_final", modules_of_networks),
    script:
        "../../scripts/train_final.py"


# The file itself is no output: a version that others may have is neither removed nor changed.
rule release:
    """Pack an arm that has learnt from all annotated brains, with the figures of the comparison."""
    input:
        expand(FINAL.sidecar("all"), arm=RELEASED),
        expand(FINAL.weights("all"), arm=RELEASED),
        expand(MODEL.description, arm=RELEASED_WITH_ENSEMBLE),
        rules.evaluate.output,
        of_brains(BRAIN.volumes, LEARNT_FROM_AT_LAST),
        of_brains(BRAIN.labels, LEARNT_FROM_AT_LAST),
        of_brains(BRAIN.labels_summary, LEARNT_FROM_AT_LAST),
        card=CARD,
    output:
        RESULTS.released,
    log:
        RESULTS.log("release"),
    conda:
        environment("release")
    params:
        results=lambda wildcards: str(RESULTS),
        to=lambda wildcards: str(RESULTS.releases),
        wanted=CONFIG["release"],
        code=code("release", modules_of_released),
    script:
        "../../scripts/release.py"
