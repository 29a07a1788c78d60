"""Features of a product: found in its traces, told apart, and watched for what changes."""
