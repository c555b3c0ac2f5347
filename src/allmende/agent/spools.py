"""What an agent must not forget, on its disk: its orders, and what it has not delivered yet."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from allmende.domain.scheduling.exchanges import Order, order_from_json, order_to_json, write_json

# PERSIST keeps the journal's room: counting on, and forgetting, need no new room on a full disk.
SETTINGS = "PRAGMA journal_mode=PERSIST; PRAGMA synchronous=FULL;"
TABLES = """
    CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS attempt (
        key TEXT PRIMARY KEY, orders TEXT NOT NULL, started_at TEXT, has_ended INT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS message (
        number INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, body TEXT NOT NULL
    );
    INSERT OR IGNORE INTO fact VALUES ('counter', 0), ('revision', 0), ('usage_cursor', '');
"""


@dataclass(frozen=True, kw_only=True)
class Watched:
    """An attempt that the agent was told of."""

    order: Order
    started_at: datetime | None  # when it was first seen to run, by the clock here
    has_ended: bool  # and a message says so


@dataclass(frozen=True, kw_only=True)
class Message:
    """Something to be delivered once, however often it is sent."""

    number: int
    kind: str
    body: Any


class Spool:
    """A small SQLite file. Each method is one transaction, on the disk when it returns."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.database = sqlite3.connect(path)
        self.database.executescript(SETTINGS + TABLES)
        path.chmod(0o600)

    def close(self) -> None:
        """Close the file."""
        self.database.close()

    @property
    def counter(self) -> int:
        """Return the counter of the last call."""
        return int(self._fact("counter"))

    @property
    def revision(self) -> int:
        """Return up to which number the orders of the centre are here."""
        return int(self._fact("revision"))

    @property
    def usage_cursor(self) -> str:
        """Return up to where usage was read."""
        return str(self._fact("usage_cursor"))

    @property
    def depth(self) -> int:
        """Return how many messages wait."""
        (count,) = self.database.execute("SELECT count(*) FROM message").fetchone()
        return int(count)

    def count_on(self) -> int:
        """Return a counter that no call had before, also after a crash."""
        with self.database:
            self.database.execute("UPDATE fact SET value = value + 1 WHERE name = 'counter'")
            return self.counter

    def take_orders(self, orders: Iterable[Order], *, revision: int) -> None:
        """Keep what ought to be; forget what the centre has all of."""
        with self.database:
            for order in orders:
                if order.is_closed:
                    self.database.execute("DELETE FROM attempt WHERE key = ?", [order.key])
                else:
                    text = json.dumps(order_to_json(order))
                    self.database.execute(
                        "INSERT INTO attempt VALUES (?, ?, NULL, 0)"
                        " ON CONFLICT (key) DO UPDATE SET orders = excluded.orders",
                        [order.key, text],
                    )
            self._note("revision", revision)

    def list_watched(self) -> list[Watched]:
        """Return every attempt that the centre does not have all of."""
        rows = self.database.execute("SELECT orders, started_at, has_ended FROM attempt")
        return [
            Watched(
                order=order_from_json(json.loads(orders)),
                started_at=datetime.fromisoformat(started_at) if started_at else None,
                has_ended=bool(has_ended),
            )
            for orders, started_at, has_ended in rows.fetchall()
        ]

    def note_start(self, key: str, started_at: datetime) -> None:
        """Note that an attempt was seen to run: from now on it never begins again."""
        with self.database:
            self.database.execute(
                "UPDATE attempt SET started_at = ? WHERE key = ?", [started_at.isoformat(), key]
            )

    def note_end(self, key: str, body: Any) -> None:
        """Note that an attempt has ended, with the message that says so: both, or neither."""
        with self.database:
            noted = self.database.execute(
                "UPDATE attempt SET has_ended = 1 WHERE key = ? AND has_ended = 0", [key]
            )
            if noted.rowcount:
                self._add("ended", body)

    def reopen(self) -> None:
        """Let every attempt that is watched be seen, and told, once more."""
        with self.database:
            self.database.execute("UPDATE attempt SET has_ended = 0")

    def add_usage(self, records: Sequence[Any], *, cursor: str) -> None:
        """Keep usage records for delivery, and until when nothing of usage is missing."""
        is_news = cursor != self.usage_cursor
        if records or is_news:
            with self.database:
                self._add("usage", {"records": list(records), "complete_until": cursor})
                self._note("usage_cursor", cursor)

    def list_messages(self, *, most: int, most_bytes: int) -> list[Message]:
        """Return the first messages that wait; one at least, however large it is."""
        rows = self.database.execute(
            "SELECT number, kind, body FROM message ORDER BY number LIMIT ?", [most]
        )
        found, left_bytes = [], most_bytes
        for number, kind, body in rows.fetchall():
            left_bytes -= len(body)
            if found and left_bytes < 0:
                break
            found.append(Message(number=number, kind=kind, body=json.loads(body)))
        return found

    def forget_messages(self, received: int) -> None:
        """Forget what the centre has, up to a number."""
        if self.depth:
            with self.database:
                self.database.execute("DELETE FROM message WHERE number <= ?", [received])

    def _add(self, kind: str, body: Any) -> None:
        self.database.execute(
            "INSERT INTO message (kind, body) VALUES (?, ?)", [kind, write_json(body)]
        )

    def _note(self, name: str, value: object) -> None:
        self.database.execute("UPDATE fact SET value = ? WHERE name = ?", [value, name])

    def _fact(self, name: str) -> Any:
        (value,) = self.database.execute("SELECT value FROM fact WHERE name = ?", [name]).fetchone()
        return value
