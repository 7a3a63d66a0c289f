-- A row belongs to a chain: a thread's (`<page>/m/<person>`), or the page's own (`<page>/m`), by which its apps are
-- told of the page itself.
ALTER TABLE journal RENAME COLUMN thread TO chain;
ALTER TABLE parked RENAME COLUMN thread TO chain;
ALTER TABLE dead_letters RENAME COLUMN thread TO chain;

-- Where the chains of pages end; those of threads end where `threads` says.
CREATE TABLE page_chains (
    chain TEXT    NOT NULL PRIMARY KEY,
    last  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Where delivery to an app began in a stream: what an app of the same id had before it is nobody's any more.
ALTER TABLE cursors ADD COLUMN start INTEGER NOT NULL DEFAULT 0;
