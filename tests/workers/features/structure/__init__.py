"""What traces have in common, told by structure."""
