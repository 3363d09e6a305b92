rule folds:
    input:
        of_brains("labels.csv", LEARNT_FROM),
    output:
        f"{RESULTS}/training/folds.csv",
    log:
        f"{RESULTS}/logs/folds.log",
    conda:
        environment("networks")
    params:
        brains=brains_with(LEARNT_FROM, "cuboid"),
        training={key: CONFIG["training"][key] for key in ("folds", "group_by")},
        code=code("labels/folds.py"),
    script:
        "../../scripts/folds.py"


rule train:
    input:
        cuboids_of_brains(LEARNT_FROM),
        starting_point=starting_points,
        folds=f"{RESULTS}/training/folds.csv",
        teacher=model_of_teacher,
        chosen=chosen_recipe,
    output:
        weights=f"{RESULTS}/models/{{arm}}/fold-{{fold}}.safetensors",
        sidecar=f"{RESULTS}/models/{{arm}}/fold-{{fold}}.json",
        history=f"{RESULTS}/training/{{arm}}/fold-{{fold}}/history.csv",
        scores=SCORES,
        tensorboard=directory(f"{RESULTS}/training/{{arm}}/fold-{{fold}}/tensorboard"),
    log:
        f"{RESULTS}/logs/train/{{arm}}/fold-{{fold}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/train/{{arm}}/fold-{{fold}}.tsv"
    conda:
        environment("networks")
    threads: 1
    params:
        arm=arm_of,
        cuboids=cuboids_by_brain(LEARNT_FROM),
        seed=PROJECT.config.seed,
        code=network_code,
    script:
        "../../scripts/train.py"


rule calibrate:
    input:
        scores=expand(SCORES, fold=FOLDS, allow_missing=True),
        sidecars=expand(
            f"{RESULTS}/models/{{arm}}/fold-{{fold}}.json", fold=FOLDS, allow_missing=True
        ),
    output:
        f"{RESULTS}/models/{{arm}}/model.json",
    log:
        f"{RESULTS}/logs/calibrate/{{arm}}.log",
    conda:
        environment("volumes")
    params:
        threshold=CONFIG["threshold"],
        code=code("calibration/arm.py", "calibration/calibrate.py", "calibration/description.py"),
    script:
        "../../scripts/calibrate.py"


# Of an ensemble, what calibrate does for an arm that is trained.
rule combine:
    input:
        scores=of_members(SCORES),
        models=of_members(f"{RESULTS}/models/{{arm}}/model.json"),
    output:
        model=f"{RESULTS}/models/{{ensemble}}/model.json",
        scores=f"{RESULTS}/training/{{ensemble}}/scores.csv",
    log:
        f"{RESULTS}/logs/combine/{{ensemble}}.log",
    conda:
        environment("volumes")
    params:
        members=scores_by_member,
        method=lambda wildcards: PROJECT.arms[wildcards.ensemble].options["method"],
        threshold=CONFIG["threshold"],
        code=code(
            "calibration/ensemble.py",
            "calibration/calibrate.py",
            "calibration/combination.py",
            "inference/members.py",
        ),
    script:
        "../../scripts/combine.py"
