"""AI vendors behind one Protocol."""

# Kinds call providers and providers speak of kinds/base.py: whoever comes here first must load the kinds first.
import workers.kinds  # noqa: F401
