"""New test cases: from an API's description, a trace, or a sentence."""
