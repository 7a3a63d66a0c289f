-- Who may sign in to the console: one document, as it is small and changes as a whole.
CREATE TABLE team (
    one      INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    document TEXT    NOT NULL
) STRICT;

-- Who did what. Numbers only grow; the oldest lines go when there are too many.
CREATE TABLE audit (
    number   INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at       INTEGER NOT NULL,
    document TEXT    NOT NULL
) STRICT;
