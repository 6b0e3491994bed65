"""Everything that happens while a network learns."""
