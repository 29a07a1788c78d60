"""The steps of a build: a version begins, its texts are cut and embedded, its index is made, it is ready or has failed.

A build is rows, not a process: which entries the version has and how far each is (`kb_version_entries`), its chunks and
vectors. Every step is a short transaction under the fence of the attempt, so another worker goes on where one was
killed. Nobody sees any of it before the version is ready, which is one statement.
"""
