# A thin door: one rule per DVC stage, `train@facades` -> `snakemake --cores 8 train_facades`.
include: "workflow/stages.smk"


rule all:
    default_target: True
    input:
        REPORTS,
