"""AI vendors behind one Protocol."""
