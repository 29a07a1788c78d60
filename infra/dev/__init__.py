"""The whole of Switchyard on one machine, with embedded PostgreSQL and Redis: `make up`, `make demo`, the tests."""
