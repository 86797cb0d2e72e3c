"""A store in a PostgreSQL database, by psycopg: for several processes or machines that share what is recalled."""
