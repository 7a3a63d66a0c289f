-- How tries to deliver went. Those of 256 neighbouring positions that were recorded at once are one row, in a form
-- of the program's own: a row for each would cost as much as the event.
CREATE TABLE attempts (
    stream INTEGER NOT NULL,
    app    INTEGER NOT NULL,
    bucket INTEGER NOT NULL,
    number INTEGER NOT NULL,
    tries  BLOB    NOT NULL,
    PRIMARY KEY (stream, app, bucket, number)
) STRICT, WITHOUT ROWID;

-- What is to be sent again; `destination` is an address, or empty for the app's own.
CREATE TABLE resends (
    app         INTEGER NOT NULL,
    destination TEXT    NOT NULL,
    stream      INTEGER NOT NULL,
    position    INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    PRIMARY KEY (app, destination, stream, position)
) STRICT, WITHOUT ROWID;

-- How the delivery to each app does: a document, read whole and written whole.
CREATE TABLE delivery_health (
    app      INTEGER NOT NULL PRIMARY KEY,
    document TEXT    NOT NULL
) STRICT;

-- Whether it was given up for its age.
ALTER TABLE dead_letters ADD COLUMN expired INTEGER NOT NULL DEFAULT 0;
