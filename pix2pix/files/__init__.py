"""Images, checked JSON and CSV, atomic writes, and the digest of code."""
