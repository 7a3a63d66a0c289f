-- The table of threads and the list of each page lag behind what was committed (docs/decisions/0011-threads-lag.md): a
-- commit writes the threads that it changed as one row of `thread_log`, and they are folded into both tables later, in
-- the order of each. `meta` has, as `folding`, the last row of the log that is being folded, or was: later ones are not.
CREATE TABLE thread_log (
    number  INTEGER NOT NULL PRIMARY KEY,
    changes BLOB    NOT NULL
) STRICT;

-- A page's threads by their last message: a table of its own and no index, because it is folded in its own order.
CREATE TABLE newest (
    side   INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    thread TEXT    NOT NULL,
    PRIMARY KEY (side, at, thread)
) STRICT, WITHOUT ROWID;

INSERT INTO newest SELECT side, last_message_at, thread FROM threads ORDER BY side, last_message_at, thread;

DROP INDEX threads_newest;
ALTER TABLE threads DROP COLUMN side;
