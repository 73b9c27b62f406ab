# How fast the simulator is here; no result, and no two runs give the same numbers.
rule engine_benchmark:
    output:
        speeds=f"{RESULTS}/engine/speeds.json",
        report=f"{RESULTS}/engine/report.html",
    log:
        f"{RESULTS}/logs/engine_benchmark.log",
    benchmark:
        f"{RESULTS}/timings/engine_benchmark.tsv"
    threads: ALL_CORES
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        missions=["training_facility_1", "assembler_2"],
        code=lambda wildcards: code_of(
            "engine_benchmark", "daf.sim.benchmark", "daf.report.engine"
        ),
        templates=lambda wildcards: folder_digest("report/templates"),
    script:
        "../scripts/engine_benchmark.py"
