"""The database: named queries, the pool, numbered migrations."""
