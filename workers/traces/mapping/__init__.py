"""What the attributes of a span mean, whoever wrote them."""
