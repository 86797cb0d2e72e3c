"""The tables of a recall file, as numbered migrations: each is applied once, in order, and never edited."""

from __future__ import annotations

from typing import Final

APPLICATION_ID: Final = 0x1EE9E12A
"""Marks a file as ours (PRAGMA application_id)."""

MIGRATIONS: Final = (
    # 1: What a passage says stands apart from what is known of it, so that filtering reads little. The words are
    # stems, made before they come here; `marks` names the collection and the source, so that a search within one of
    # them reads no more than it. A vector is bytes times a scale, its sketch the bits that choose what is compared.
    """
    CREATE TABLE passage (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        key TEXT NOT NULL UNIQUE,
        collection TEXT NOT NULL,
        source TEXT NOT NULL,
        page INTEGER,
        start_s REAL,
        end_s REAL,
        speaker TEXT,
        at REAL,
        importance REAL NOT NULL,
        for_everybody INTEGER NOT NULL
    );
    CREATE INDEX passage_by_collection ON passage (collection, source);
    CREATE INDEX passage_by_source ON passage (source);
    CREATE INDEX passage_by_speaker ON passage (speaker);
    CREATE INDEX passage_by_time ON passage (at);
    CREATE TABLE text (passage INTEGER PRIMARY KEY REFERENCES passage (id), said TEXT NOT NULL);
    CREATE TABLE audience (
        passage INTEGER NOT NULL REFERENCES passage (id),
        name TEXT NOT NULL,
        PRIMARY KEY (passage, name)
    ) WITHOUT ROWID;
    CREATE VIRTUAL TABLE words USING fts5(
        stems, marks, content='', contentless_delete=1, tokenize='unicode61 remove_diacritics 0'
    );
    CREATE VIRTUAL TABLE vocabulary USING fts5vocab('words', 'row');
    CREATE TABLE embedding (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        provider TEXT NOT NULL,
        model TEXT NOT NULL,
        file_identity TEXT NOT NULL,
        dimension INTEGER NOT NULL,
        version TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('current', 'building', 'retired'))
    );
    CREATE UNIQUE INDEX one_of_a_state ON embedding (state) WHERE state <> 'retired';
    CREATE TABLE vector (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        embedding INTEGER NOT NULL REFERENCES embedding (id),
        passage INTEGER NOT NULL REFERENCES passage (id),
        scale REAL NOT NULL,
        bytes BLOB NOT NULL,
        UNIQUE (embedding, passage)
    );
    CREATE INDEX vector_by_passage ON vector (passage);
    CREATE TABLE sketch (
        vector INTEGER PRIMARY KEY REFERENCES vector (id),
        embedding INTEGER NOT NULL,
        passage INTEGER NOT NULL,
        bits BLOB NOT NULL
    );
    CREATE TABLE number (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    INSERT INTO number VALUES ('stems_version', 0), ('passages', 0), ('removals', 0);
    """,
)
