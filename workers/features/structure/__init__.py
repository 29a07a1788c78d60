"""What traces have in common before anybody reads their words: operations, routes, prompts."""
