STYLE = ["reports/style.css", "reports/page/index.html.j2"]


rule report_index:
    input:
        rules.evaluate.output,
        of_brains("checked.json", PROJECT.brains),
        of_brains("preflight.json", ANNOTATED),
        expand(f"{RESULTS}/evaluation/cost/{{arm}}.json", arm=PROJECT.arms),
        expand(f"{RESULTS}/explanations/{{arm}}/montage.png", arm=PROJECT.arms),
        expand(f"{RESULTS}/models/{{arm}}/model.json", arm=PROJECT.arms),
        expand(f"{RESULTS}/training/{{arm}}/fold-{{fold}}/history.csv", arm=NETWORKS, fold=FOLDS),
        trials_of_searches(),
        expand(f"{RESULTS}/search/{{arm}}/{{arm}}_searched.yaml", arm=SEARCHED),
        notebook="reports/index.ipynb",
        style=STYLE,
    output:
        f"{RESULTS}/reports/index.html",
    log:
        f"{RESULTS}/logs/report/index.log",
    conda:
        environment("report")
    params:
        config=CONFIG,
        roles={name: brain.role for name, brain in PROJECT.brains.items()},
        arms=[arm.to_dict() for arm in PROJECT.arms.values()],
        code=code("reporting"),
    script:
        "../../scripts/report_index.py"


rule report_brain:
    input:
        f"{BRAINS}/preflight.json",
        f"{BRAINS}/projection.npz",
        f"{BRAINS}/candidates.csv",
        expand(f"{BRAINS}/{{arm}}/cells.csv", arm=PROJECT.arms, allow_missing=True),
        expand(f"{RESULTS}/models/{{arm}}/model.json", arm=PROJECT.arms),
        cuboids=cuboids_of_brain,
        labels=lambda wildcards: (
            of_brains("labels.csv", [wildcards.brain]) if wildcards.brain in ANNOTATED else []
        ),
        notebook="reports/brain.ipynb",
        style=STYLE,
    output:
        f"{RESULTS}/reports/brains/{{brain}}.html",
    log:
        f"{RESULTS}/logs/report/{{brain}}.log",
    conda:
        environment("report")
    params:
        brain=brain_with("cuboid", "intensity_range", annotation=True),
        config=CONFIG,
        role=lambda wildcards: PROJECT.brains[wildcards.brain].role,
        code=code("reporting"),
    script:
        "../../scripts/report_brain.py"
