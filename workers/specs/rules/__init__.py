"""The rules that say which changes of an API break its clients."""
