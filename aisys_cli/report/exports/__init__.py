"""Reports and grades in the formats of other programs. Pure."""
