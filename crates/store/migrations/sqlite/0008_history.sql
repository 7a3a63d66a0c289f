-- Refusals stand among the changes of control, each on its own, in the order in which everything happened: `number`
-- tells those apart that stand after the same position, and is 0 for a change of control.
CREATE TABLE history (
    stream     INTEGER NOT NULL,
    thread     TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    position   INTEGER NOT NULL,
    number     INTEGER NOT NULL,
    rule       TEXT    NOT NULL,
    via        TEXT,
    cause      TEXT    NOT NULL,
    by         INTEGER,
    owner_from INTEGER,
    owner_to   INTEGER,
    expires_at INTEGER,
    metadata   TEXT,
    refused    TEXT,
    PRIMARY KEY (stream, thread, at, position, number)
) STRICT, WITHOUT ROWID;

INSERT INTO history
    SELECT stream, thread, at, position, 0, rule, via, cause, by, owner_from, owner_to, expires_at, metadata, NULL
    FROM control;

-- Where these stood is not known any more: of a moment, they come before the changes of control.
INSERT INTO history
    SELECT stream, thread, at, 0, row_number() OVER (PARTITION BY stream, thread, at ORDER BY by, rule), rule, NULL, cause,
        nullif(by, 0), NULL, NULL, NULL, metadata, why
    FROM refusals;

DROP TABLE control;
DROP TABLE refusals;
ALTER TABLE history RENAME TO control;

-- Pages before and after each change of settings that may have moved control, and where the change stands in each
-- stream: what a thread's history tells of it follows from these, so that no thread needs a row for it.
CREATE TABLE past_pages (
    page    INTEGER NOT NULL,
    version INTEGER NOT NULL,
    before  TEXT,
    after   TEXT,
    PRIMARY KEY (page, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE changes (
    version  INTEGER NOT NULL,
    stream   INTEGER NOT NULL,
    position INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    PRIMARY KEY (version, stream)
) STRICT, WITHOUT ROWID;
