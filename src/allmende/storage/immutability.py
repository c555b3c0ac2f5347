"""Records that nobody edits: the database itself refuses UPDATE and DELETE on them."""

from django.db import connection

from allmende.storage import database

# Tables that only grow. A model names its table in `Meta.db_table`.
APPEND_ONLY_TABLES = ("ledger_transfer", "audit_event", "incident_entry")


def install_triggers() -> None:
    """Forbid UPDATE and DELETE on append-only tables; safe to repeat."""
    existing = set(connection.introspection.table_names())
    with connection.cursor() as cursor:
        for table in APPEND_ONLY_TABLES:
            if table in existing:
                for statement in _statements(table):
                    cursor.execute(statement)


def _statements(table: str) -> list[str]:
    if database.is_postgresql():
        return [
            "CREATE OR REPLACE FUNCTION refuse_edit() RETURNS trigger AS "
            "$$ BEGIN RAISE EXCEPTION 'append-only table'; END $$ LANGUAGE plpgsql",
            f"CREATE OR REPLACE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_edit()",
        ]
    return [
        f"CREATE TRIGGER IF NOT EXISTS {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
        "BEGIN SELECT RAISE(ABORT, 'append-only table'); END"
        for verb in ("UPDATE", "DELETE")
    ]
