"""What changes about a feature: its prompts, what it answers, how fast and at what price; and why."""
