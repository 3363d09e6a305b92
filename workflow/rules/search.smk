# Runs only for an arm with `search`: once for each fold, without its candidates, and once on all.
rule search:
    input:
        cuboids_of_brains(LEARNT_FROM),
        starting_point=starting_points,
        folds=f"{RESULTS}/training/folds.csv",
    output:
        f"{RESULTS}/search/{{arm}}/{{study}}/job-{{job}}.csv",
    log:
        f"{RESULTS}/logs/search/{{arm}}/{{study}}-{{job}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/search/{{arm}}/{{study}}-{{job}}.tsv"
    conda:
        environment("networks")
    threads: 1
    params:
        arm=arm_of,
        cuboids=cuboids_by_brain(LEARNT_FROM),
        seed=PROJECT.config.seed,
        code=search_code,
    script:
        "../../scripts/search.py"


rule choose_recipe:
    input:
        jobs_of_search,
    output:
        trials=f"{RESULTS}/search/{{arm}}/{{study}}/trials.csv",
        importance=f"{RESULTS}/search/{{arm}}/{{study}}/importance.csv",
        chosen=f"{RESULTS}/search/{{arm}}/{{study}}/chosen.json",
    log:
        f"{RESULTS}/logs/choose_recipe/{{arm}}/{{study}}.log",
    conda:
        environment("networks")
    params:
        arm=arm_of,
        seed=PROJECT.config.seed,
        code=code("training/search"),
    script:
        "../../scripts/choose_recipe.py"


rule searched_arm:
    input:
        f"{RESULTS}/search/{{arm}}/all/chosen.json",
    output:
        f"{RESULTS}/search/{{arm}}/{{arm}}_searched.yaml",
    log:
        f"{RESULTS}/logs/searched_arm/{{arm}}.log",
    conda:
        environment("networks")
    params:
        arm=arm_of,
        code=code("training/search"),
    script:
        "../../scripts/searched_arm.py"
