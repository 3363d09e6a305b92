rule search:
    """Try recipes for an arm with `search`, without the candidates of one fold or on all."""
    input:
        cuboids_of_brains(LEARNT_FROM),
        starting_point=starting_points,
        folds=RESULTS.folds,
    output:
        SEARCH.job("{job}"),
    log:
        RESULTS.log("search", "{arm}/{study}-{job}"),
    benchmark:
        RESULTS.benchmark("search", "{arm}/{study}-{job}")
    conda:
        environment("networks")
    threads: 1
    params:
        arm=arm_of,
        cuboids=cuboids_by_brain(LEARNT_FROM),
        seed=PROJECT.config.seed,
        code=code("search", modules_of_networks),
    script:
        "../../scripts/search.py"


rule choose_recipe:
    """Choose the best of all trials of a search."""
    input:
        jobs_of_search,
    output:
        trials=SEARCH.trials,
        importance=SEARCH.importance,
        chosen=SEARCH.chosen,
    log:
        RESULTS.log("choose_recipe", "{arm}/{study}"),
    conda:
        environment("networks")
    params:
        arm=arm_of,
        seed=PROJECT.config.seed,
        code=code("choose_recipe"),
    script:
        "../../scripts/choose_recipe.py"


rule searched_arm:
    """Write the recipe that a search has found as the file of an arm."""
    input:
        RESULTS.search("{arm}").chosen,
    output:
        RESULTS.searched_arm("{arm}"),
    log:
        RESULTS.log("searched_arm", "{arm}"),
    conda:
        environment("networks")
    params:
        arm=arm_of,
        code=code("searched_arm"),
    script:
        "../../scripts/searched_arm.py"
