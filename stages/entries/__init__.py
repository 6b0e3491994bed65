"""The kinds of entries of params.yaml. No stage depends on these files: a new option leaves old results fresh."""
