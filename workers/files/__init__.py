"""Files: received, told by their bytes, kept in object storage under a row of their project, read, and cleared away."""

from workers.files.copies import local_copy, write_file
from workers.files.stored import get_file

__all__ = ["get_file", "local_copy", "write_file"]
