"""The tables of recall in PostgreSQL, as numbered migrations: each is applied once, in order, and never edited."""

from __future__ import annotations

from typing import Final

OLDEST_SERVER: Final = 15
"""The oldest PostgreSQL that this is written for."""

ADVISORY_LOCK: Final = 0x1EE9E12A
"""Held while tables are brought up to date, so that of several programs that start together one does it."""

MIGRATIONS: Final = (
    # 1: As in SQLite, what a passage says stands apart from what is known of it. Passages are numbered without gaps by
    # whoever holds the row 'passages' of `number`, which every write locks first; neighbours in a source are found by
    # their numbers. `words` holds stems and marks, each as often as it is there; `term` says how many passages hold
    # one, which PostgreSQL could only tell by reading them all.
    """
    CREATE TABLE passage (
        id bigint PRIMARY KEY,
        key text COLLATE "C" NOT NULL UNIQUE,
        collection text NOT NULL,
        source text NOT NULL,
        page bigint,
        start_s double precision,
        end_s double precision,
        speaker text,
        at double precision,
        importance double precision NOT NULL,
        audience text[] NOT NULL
    );
    CREATE INDEX passage_by_collection ON passage (collection, source);
    CREATE INDEX passage_by_source ON passage (source);
    CREATE INDEX passage_by_speaker ON passage (speaker);
    CREATE INDEX passage_by_time ON passage (at);
    CREATE TABLE wording (
        passage bigint PRIMARY KEY REFERENCES passage (id) ON DELETE CASCADE,
        said text NOT NULL
    );
    CREATE TABLE words (
        passage bigint PRIMARY KEY REFERENCES passage (id) ON DELETE CASCADE,
        stems tsvector NOT NULL,
        length bigint NOT NULL
    ) WITH (toast_tuple_target = 8160);
    CREATE INDEX words_by_stem ON words USING gin (stems) WITH (gin_pending_list_limit = 1024);
    CREATE TABLE term (word text COLLATE "C" PRIMARY KEY, holding bigint NOT NULL) WITH (fillfactor = 80);
    CREATE TABLE embedding (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        provider text NOT NULL,
        model text NOT NULL,
        file_identity text NOT NULL,
        dimension bigint NOT NULL,
        version text NOT NULL,
        state text NOT NULL CHECK (state IN ('current', 'building', 'retired'))
    );
    CREATE UNIQUE INDEX one_of_a_state ON embedding (state) WHERE state <> 'retired';
    CREATE TABLE vector (
        embedding bigint NOT NULL REFERENCES embedding (id),
        passage bigint NOT NULL REFERENCES passage (id) ON DELETE CASCADE,
        scale real NOT NULL,
        bytes bytea NOT NULL,
        PRIMARY KEY (embedding, passage)
    ) WITH (toast_tuple_target = 8160);
    ALTER TABLE vector ALTER COLUMN bytes SET STORAGE EXTERNAL;
    CREATE INDEX vector_by_passage ON vector (passage);
    CREATE TABLE sketch (
        embedding bigint NOT NULL,
        passage bigint NOT NULL,
        bits bit varying NOT NULL,
        PRIMARY KEY (embedding, passage),
        FOREIGN KEY (embedding, passage) REFERENCES vector (embedding, passage) ON DELETE CASCADE
    );
    CREATE TABLE number (name text PRIMARY KEY, value bigint NOT NULL);
    INSERT INTO number VALUES
        ('schema_version', 0), ('stems_version', 0), ('passages', 0), ('last_passage', 0), ('tokens', 0);
    """,
)
