# Speed of the simulator on this machine. Not reproducible, so it has no sidecar.
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
        code=lambda wildcards: script_code_hash(
            "engine_benchmark", "daf.sim.benchmark", "daf.report.engine"
        ),
        templates=lambda wildcards: package_folder_digest("report/templates"),
    script:
        "../scripts/engine_benchmark.py"
