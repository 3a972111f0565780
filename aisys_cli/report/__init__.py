"""Reports: frozen records, and pure functions from them to text and files."""
