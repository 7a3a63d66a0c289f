-- What apps keep about a page beside its conversations: files, the page's profile, personas, labels, menus of single
-- people. `document` is JSON; `content` is a file's bytes.
CREATE TABLE assets (
    page     INTEGER NOT NULL,
    kind     TEXT    NOT NULL,
    key      TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    document TEXT    NOT NULL,
    content  BLOB,
    PRIMARY KEY (page, kind, key)
) STRICT;

CREATE INDEX assets_by_age ON assets (kind, at);
