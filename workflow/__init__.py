"""The graph for Snakemake: its rules, profiles and captions, and a GPU a job."""
