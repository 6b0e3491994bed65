"""What params.yaml and config/ declare, as typed values: the only reader of YAML."""
