# Runs only for an arm whose recipe names it.
rule pretrain:
    input:
        lambda wildcards: cuboids_of_brains(brains_of_pretraining(wildcards)),
    output:
        weights=f"{RESULTS}/pretraining/{{pretraining}}/backbone.safetensors",
        sidecar=f"{RESULTS}/pretraining/{{pretraining}}/backbone.json",
        history=f"{RESULTS}/pretraining/{{pretraining}}/history.csv",
        tensorboard=directory(f"{RESULTS}/pretraining/{{pretraining}}/tensorboard"),
    log:
        f"{RESULTS}/logs/pretrain/{{pretraining}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/pretrain/{{pretraining}}.tsv"
    conda:
        environment("networks")
    threads: 1
    params:
        pretraining=lambda wildcards: PROJECT.pretrainings[wildcards.pretraining].to_dict(),
        cuboids=lambda wildcards: cuboids_by_brain(brains_of_pretraining(wildcards)),
        seed=PROJECT.config.seed,
        code=pretraining_code,
    script:
        "../../scripts/pretrain.py"
