"""What Alembic runs; `db/migrate.py` gives it a connection whose transaction is open and locked."""

from __future__ import annotations

from alembic import context

from openportability.db.schema import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    # SQLite too can undo what a failed revision has changed, since db/engine.py begins by itself.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
