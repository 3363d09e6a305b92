rule cuboids:
    input:
        f"{BRAINS}/candidates.csv",
    output:
        directory(f"{BRAINS}/cuboids.zarr"),
    log:
        f"{RESULTS}/logs/cuboids/{{brain}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/cuboids/{{brain}}.tsv"
    conda:
        "../../envs/volumes.yaml"
    params:
        brain=brain_with("cuboid", "intensity_range"),
        code=code("io"),
    script:
        "../../scripts/cuboids.py"


rule projection:
    input:
        f"{BRAINS}/preflight.json",
    output:
        f"{BRAINS}/projection.npz",
    log:
        f"{RESULTS}/logs/projection/{{brain}}.log",
    conda:
        "../../envs/volumes.yaml"
    params:
        brain=brain_with("intensity_range"),
        code=code("reporting/projections.py", "io/volumes.py"),
    script:
        "../../scripts/projection.py"
