# Names what cuboids depend on, too, which may be gone when theirs could be compared.
rule describe:
    """Measure what a brain looks like, on a sample of its tissue and candidates."""
    input:
        BRAIN.candidates,
        cuboids=cuboids_of_brain,
    output:
        BRAIN.appearance,
    log:
        RESULTS.log("describe", "{brain}"),
    benchmark:
        RESULTS.benchmark("describe", "{brain}")
    conda:
        environment("volumes")
    threads: 1
    params:
        brain=brain_with("intensity_range", "voxel_size_in_files"),
        data=stamp_of("signal", "background"),
        code=code("describe", "cuboids"),
    script:
        "../../scripts/describe.py"


rule compare:
    """Raise an alarm where a brain is unlike the train brains."""
    input:
        appearances=lambda wildcards: of_brains(BRAIN.appearance, brains_to_compare(wildcards)),
        cells=lambda wildcards: expand(
            BRAIN.cells("{arm}"), brain=brains_to_compare(wildcards), arm=COMPARED
        ),
    output:
        BRAIN.alarm,
    log:
        RESULTS.log("compare", "{brain}"),
    conda:
        environment("volumes")
    params:
        brains=brains_to_compare,
        arms=COMPARED,
        train=LEARNT_FROM,
        given=lambda wildcards: [b for b in brains_to_compare(wildcards) if b in GIVEN],
        role=lambda wildcards: PROJECT.brains[wildcards.brain].role,
        code=code("compare"),
    script:
        "../../scripts/compare.py"
