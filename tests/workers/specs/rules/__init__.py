"""Two cases of every rule: a change that it must find, and one in which it must find nothing."""
