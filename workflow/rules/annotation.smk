# What to annotate next: `snakemake suggest`. A whole run asks for none of it; it reads what people gave
# back, where there is any.
rule sample:
    """Read what people have labelled in a brain."""
    input:
        candidates=BRAIN.candidates,
        volumes=BRAIN.volumes,
    output:
        sample=BRAIN.sample,
        blocks=BRAIN.sample_blocks,
        cells=BRAIN.sample_block_cells,
        summary=BRAIN.sample_summary,
    log:
        RESULTS.log("sample", "{brain}"),
    conda:
        environment("volumes")
    params:
        brain=brain_with("annotators"),
        annotations=lambda wildcards: str(annotations_of(wildcards.brain).path),
        data=stamp_of_answers,
        code=code("sample"),
    script:
        "../../scripts/sample.py"


rule suggest_brain:
    """Suggest what to annotate next in a brain."""
    input:
        candidates=BRAIN.candidates,
        cells=expand(BRAIN.cells("{arm}"), arm=PROJECT.arms, allow_missing=True),
        models=expand(MODEL.description, arm=PROJECT.arms),
        labels=labels_of_brain,
        cuboids=cuboids_of_brain,
        projection=BRAIN.projection,
        sample=rules.sample.output,
    output:
        table=SUGGESTIONS.candidates,
        xml=SUGGESTIONS.candidates_xml,
        label_studio=SUGGESTIONS.label_studio,
        label_studio_config=SUGGESTIONS.label_studio_config,
        blocks=SUGGESTIONS.blocks,
        block_images=directory(SUGGESTIONS.block_images),
        summary=BRAIN.suggested,
    log:
        RESULTS.log("suggest_brain", "{brain}"),
    conda:
        environment("volumes")
    params:
        brain=brain_with("intensity_range", "voxel_size_in_files"),
        arms=list(PROJECT.arms),
        annotations=lambda wildcards: str(annotations_of(wildcards.brain).path),
        wish=CONFIG["annotation"],
        seed=PROJECT.config.seed,
        data=stamp_of("signal", "background"),
        code=code("suggest_brain"),
    script:
        "../../scripts/suggest_brain.py"


rule show_suggestions:
    """Write the page of what to annotate next in a brain."""
    input:
        suggested=BRAIN.suggested,
        table=SUGGESTIONS.candidates,
        blocks=SUGGESTIONS.blocks,
        sample=BRAIN.sample_summary,
        cuboids=cuboids_of_brain,
        notebook=page_file("suggestions.ipynb"),
        style=STYLE,
    output:
        RESULTS.suggestions_page("{brain}"),
    log:
        RESULTS.log("show_suggestions", "{brain}"),
    conda:
        environment("report")
    params:
        results=lambda wildcards: str(RESULTS),
        role=lambda wildcards: PROJECT.brains[wildcards.brain].role,
        corrected_with=corrected_with,
        signal=lambda wildcards: PROJECT.brains[wildcards.brain].signal,
        draft=DRAFT,
        code=code("show_suggestions", page_file("suggestions.ipynb")),
    script:
        "../../scripts/show_suggestions.py"


rule suggest:
    """Tell what there is to annotate in all brains, and where answers belong."""
    input:
        suggested=of_brains(BRAIN.suggested, PROJECT.brains),
        pages=expand(RESULTS.suggestions_page("{brain}"), brain=PROJECT.brains),
    output:
        RESULTS.suggestions_overview,
    log:
        RESULTS.log("suggest"),
    conda:
        environment("volumes")
    params:
        corrected_with={brain: PROJECT.corrected_with(brain) for brain in PROJECT.brains},
        code=code("suggest"),
    script:
        "../../scripts/suggest.py"
