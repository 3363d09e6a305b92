rule cuboids:
    """Cut the cuboid around every candidate of a chunk."""
    input:
        candidates=BRAIN.candidates,
        choice=CHOICE,
    output:
        directory(CUBOIDS),
    log:
        RESULTS.log("cuboids", "{brain}/{chunk}-of-{chunks}"),
    benchmark:
        RESULTS.benchmark("cuboids", "{brain}/{chunk}-of-{chunks}")
    wildcard_constraints:
        brain=one_of(KEPT),
    conda:
        environment("volumes")
    resources:
        # Bounds the planes and candidates that are held; a profile may set another.
        mem_mb=4000,
    params:
        brain=brain_with("cuboid", "intensity_range", "voxel_size_in_files"),
        data=stamp_of("signal", "background"),
        code=code("cuboids"),
    script:
        "../../scripts/cuboids.py"


use rule cuboids as temporary_cuboids with:
    """The same for brains whose cuboids are not kept."""
    output:
        temp(directory(CUBOIDS)),
    wildcard_constraints:
        brain=one_of(TEMPORARY),


rule projection:
    """See the brain from above, from the front and slab by slab, for its report."""
    input:
        BRAIN.volumes,
    output:
        BRAIN.projection,
        BRAIN.slabs,
    log:
        RESULTS.log("projection", "{brain}"),
    conda:
        environment("volumes")
    params:
        brain=brain_with("intensity_range", "voxel_size_in_files"),
        data=stamp_of("signal", "background"),
        code=code("projection"),
    script:
        "../../scripts/projection.py"
