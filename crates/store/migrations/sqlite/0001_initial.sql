-- Everything Baton keeps. A thread is written `<page>/m/<person>` (Messenger) or `<page>/i/<person>`
-- (Instagram); times are milliseconds since 1970; `stream` leads the key of everything that belongs to one.

-- Facts of the database itself: streams, key, settings_version, clock_offset, clock_frozen.
CREATE TABLE meta (
    name  TEXT NOT NULL PRIMARY KEY,
    value ANY  NOT NULL
) STRICT, WITHOUT ROWID;

-- Settings. A document is read whole and written whole; `ord` is the order of making.
CREATE TABLE apps (
    id       INTEGER NOT NULL PRIMARY KEY,
    ord      INTEGER NOT NULL,
    document TEXT    NOT NULL
) STRICT;

CREATE TABLE pages (
    id       INTEGER NOT NULL PRIMARY KEY,
    ord      INTEGER NOT NULL,
    document TEXT    NOT NULL
) STRICT;

CREATE TABLE streams (
    stream  INTEGER NOT NULL PRIMARY KEY,
    head    INTEGER NOT NULL,
    last_at INTEGER NOT NULL
) STRICT;

-- `side` is 2 * page + (1 on Instagram): one integer to list a page's threads by.
CREATE TABLE threads (
    stream          INTEGER NOT NULL,
    thread          TEXT    NOT NULL,
    side            INTEGER NOT NULL,
    last            INTEGER NOT NULL,
    last_message_at INTEGER NOT NULL,
    state           BLOB    NOT NULL,
    PRIMARY KEY (stream, thread)
) STRICT, WITHOUT ROWID;

CREATE INDEX threads_newest ON threads (side, last_message_at, thread);

-- `id` is stream * 2^48 + position. A rowid and no composite key, because a table without rowid holds its
-- rows in the inner pages too: with events of 1.5 kB it was twice as large, and half as fast to write.
CREATE TABLE journal (
    id       INTEGER NOT NULL PRIMARY KEY,
    stream   INTEGER GENERATED ALWAYS AS (id >> 48) VIRTUAL,
    position INTEGER GENERATED ALWAYS AS (id & 281474976710655) VIRTUAL,
    thread   TEXT,
    previous INTEGER,
    at       INTEGER NOT NULL,
    meta     BLOB    NOT NULL,
    whole    BLOB    NOT NULL,
    reduced  BLOB,
    context  BLOB
) STRICT;

CREATE TABLE control (
    stream     INTEGER NOT NULL,
    thread     TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    position   INTEGER NOT NULL,
    rule       TEXT    NOT NULL,
    via        TEXT,
    cause      TEXT    NOT NULL,
    by         INTEGER,
    owner_from INTEGER,
    owner_to   INTEGER,
    expires_at INTEGER,
    metadata   TEXT,
    PRIMARY KEY (stream, thread, at, position)
) STRICT, WITHOUT ROWID;

-- `by` is 0 for a person: a part of the key cannot be absent.
CREATE TABLE refusals (
    stream   INTEGER NOT NULL,
    thread   TEXT    NOT NULL,
    minute   INTEGER NOT NULL,
    by       INTEGER NOT NULL,
    rule     TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    why      TEXT    NOT NULL,
    cause    TEXT    NOT NULL,
    metadata TEXT,
    times    INTEGER NOT NULL,
    PRIMARY KEY (stream, thread, minute, by, rule)
) STRICT, WITHOUT ROWID;

CREATE TABLE seen (
    stream      INTEGER NOT NULL,
    thread      TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    at          INTEGER NOT NULL,
    fingerprint BLOB    NOT NULL,
    answer      BLOB    NOT NULL,
    PRIMARY KEY (stream, thread, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX seen_by_age ON seen (at);

CREATE TABLE due (
    stream  INTEGER NOT NULL,
    thread  TEXT    NOT NULL,
    number  INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    app     INTEGER NOT NULL,
    content BLOB    NOT NULL,
    PRIMARY KEY (stream, thread, number)
) STRICT, WITHOUT ROWID;

CREATE INDEX due_by_time ON due (at, thread, number);

CREATE TABLE cursors (
    stream INTEGER NOT NULL,
    app    INTEGER NOT NULL,
    served INTEGER NOT NULL,
    PRIMARY KEY (stream, app)
) STRICT, WITHOUT ROWID;

CREATE TABLE parked (
    stream   INTEGER NOT NULL,
    app      INTEGER NOT NULL,
    thread   TEXT    NOT NULL,
    next     INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    since    INTEGER NOT NULL,
    due      INTEGER NOT NULL,
    PRIMARY KEY (stream, app, thread)
) STRICT, WITHOUT ROWID;

CREATE INDEX parked_by_due ON parked (app, due, stream, thread);

CREATE TABLE dead_letters (
    stream   INTEGER NOT NULL,
    app      INTEGER NOT NULL,
    position INTEGER NOT NULL,
    thread   TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    reason   TEXT    NOT NULL,
    PRIMARY KEY (stream, app, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX dead_letters_newest ON dead_letters (app, at, stream, position);
