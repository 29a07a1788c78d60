"""A small shop with an HTTP API that does exactly what its specification says, until a fault is switched on.

It is what test cases are generated for and run against: a process of its own, all in memory, `POST /__reset` makes it
new. `GET /openapi.json` describes it; `GET /__faults` lists the faults that can be seeded and `PUT /__faults`
`{"on": [names]}` switches exactly those on. What begins with `__` is not part of the specification.

    python -m tests.fakes.shop --port 9100
"""
