rule pretrain:
    """Train a backbone without labels, on the cuboids of many brains; only where a recipe asks."""
    input:
        lambda wildcards: cuboids_of_brains(brains_of_pretraining(wildcards)),
    output:
        weights=PRETRAINING.weights,
        sidecar=PRETRAINING.sidecar,
        history=PRETRAINING.history,
        tensorboard=directory(PRETRAINING.tensorboard),
    log:
        RESULTS.log("pretrain", "{pretraining}"),
    benchmark:
        RESULTS.benchmark("pretrain", "{pretraining}")
    conda:
        environment("networks")
    threads: 1
    params:
        pretraining=lambda wildcards: PROJECT.pretrainings[wildcards.pretraining].to_dict(),
        cuboids=lambda wildcards: cuboids_by_brain(brains_of_pretraining(wildcards)),
        checkpoint=str(RESULTS.pretraining_checkpoint("{pretraining}")),
        seed=PROJECT.config.seed,
        code=code("pretrain", "cuboids", modules_of_pretraining),
    script:
        "../../scripts/pretrain.py"
