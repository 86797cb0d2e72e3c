"""A store in one SQLite file, by the SQLite that apsw brings along: no server, no extension."""
