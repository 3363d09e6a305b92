STYLE = [page_file("style.css"), page_file("page/index.html.j2")]


rule report_index:
    """Write the page that compares the arms."""
    input:
        rules.evaluate.output,
        of_brains(BRAIN.checked, PROJECT.brains),
        of_brains(BRAIN.preflight, ANNOTATED),
        # Of the others, which may fail, it is told once the run ends.
        of_brains(BRAIN.alarm, ANNOTATED),
        of_brains(BRAIN.count, ANNOTATED),
        expand(RESULTS.cost("{arm}"), arm=PROJECT.arms),
        # Of brains to predict they may come later, as may the brains.
        expand(EXPLANATION.montage, arm=PROJECT.arms if ANNOTATED else []),
        expand(MODEL.description, arm=PROJECT.arms),
        expand(FOLD.history, arm=TRAINED, fold=FOLDS),
        trials_of_searches(),
        expand(RESULTS.searched_arm("{arm}"), arm=SEARCHED),
        notebook=page_file("index.ipynb"),
        style=STYLE,
    output:
        RESULTS.index_page,
    log:
        RESULTS.log("report", "index"),
    conda:
        environment("report")
    params:
        config=SHOWN,
        roles={name: brain.role for name, brain in PROJECT.brains.items()},
        arms=[arm.to_dict() for arm in PROJECT.arms.values()],
        code=code("report_index", page_file("index.ipynb")),
    script:
        "../../scripts/report_index.py"


rule report_brain:
    """Write the page of a brain."""
    input:
        BRAIN.preflight,
        BRAIN.alarm,
        BRAIN.projection,
        BRAIN.slabs,
        BRAIN.candidates,
        BRAIN.count,
        expand(BRAIN.cells("{arm}"), arm=PROJECT.arms, allow_missing=True),
        expand(MODEL.description, arm=PROJECT.arms),
        cuboids=cuboids_of_brain,
        labels=labels_of_brain,
        corrections=corrections_of_brain,
        sample=sample_of_brain,
        notebook=page_file("brain.ipynb"),
        viewer=page_file("viewer.js"),
        style=STYLE,
    output:
        RESULTS.brain_page("{brain}"),
    log:
        RESULTS.log("report", "{brain}"),
    conda:
        environment("report")
    params:
        brain=brain_with("cuboid", "intensity_range", annotation=True, candidates=True),
        config=SHOWN,
        role=lambda wildcards: PROJECT.brains[wildcards.brain].role,
        code=code("report_brain", page_file("brain.ipynb")),
    script:
        "../../scripts/report_brain.py"
