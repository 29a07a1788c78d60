"""Reading documents of many formats."""
