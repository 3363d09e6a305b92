rule cuboids:
    input:
        f"{BRAINS}/candidates.csv",
    output:
        directory(CUBOIDS),
    log:
        f"{RESULTS}/logs/cuboids/{{brain}}/{{chunk}}-of-{{chunks}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/cuboids/{{brain}}/{{chunk}}-of-{{chunks}}.tsv"
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


use rule cuboids as cuboids_that_pass with:
    output:
        temp(directory(CUBOIDS)),
    wildcard_constraints:
        brain=one_of(PASSING),


rule projection:
    input:
        f"{BRAINS}/volumes.json",
    output:
        f"{BRAINS}/projection.npz",
    log:
        f"{RESULTS}/logs/projection/{{brain}}.log",
    conda:
        environment("volumes")
    params:
        brain=brain_with("intensity_range", "voxel_size_in_files"),
        data=stamp_of("signal", "background"),
        code=code("projection"),
    script:
        "../../scripts/projection.py"
