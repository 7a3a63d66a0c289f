-- What is known of a person beside their conversation: a document, read whole and written whole. Who has none
-- is in `threads` all the same: a person exists from the first event on.
CREATE TABLE people (
    stream   INTEGER NOT NULL,
    thread   TEXT    NOT NULL,
    document TEXT    NOT NULL,
    PRIMARY KEY (stream, thread)
) STRICT, WITHOUT ROWID;
