-- Everything Baton keeps, for PostgreSQL. What belongs to a stream has `stream` first in its key, and whatever a
-- conversation does touches the rows of one stream: no sequence, no foreign key and no unique constraint spans two.
-- Times are milliseconds since 1970. A thread is written `<page>/m/<person>` (Messenger) or `<page>/i/<person>`
-- (Instagram), a page's own chain `<page>/m` or `<page>/i`; these have plain letters only, and are compared byte by
-- byte. What callers choose freely is `bytea`, because a text of PostgreSQL cannot hold every character.

-- Facts of the database itself, and settings: small, read by every node, written seldom, the same for all streams.
CREATE TABLE baton.facts (
    one              boolean NOT NULL PRIMARY KEY CHECK (one),
    streams          integer NOT NULL,
    key              bytea   NOT NULL,
    settings_version bigint  NOT NULL,
    clock_offset     bigint,
    clock_frozen     bigint,
    last_audit       bigint  NOT NULL
);

CREATE TABLE baton.apps (
    id       bigint  NOT NULL PRIMARY KEY,
    ord      integer NOT NULL,
    document text    NOT NULL
);

CREATE TABLE baton.pages (
    id       bigint  NOT NULL PRIMARY KEY,
    ord      integer NOT NULL,
    document text    NOT NULL
);

-- Pages before and after each change of settings that may have moved control; `changes` says where it stands.
CREATE TABLE baton.past_pages (
    page    bigint NOT NULL,
    version bigint NOT NULL,
    before  text,
    after   text,
    PRIMARY KEY (page, version)
);

-- How the delivery to each app does: a document, read whole and written whole.
CREATE TABLE baton.delivery_health (
    app      bigint NOT NULL PRIMARY KEY,
    document text   NOT NULL
);

-- Who may sign in to the console.
CREATE TABLE baton.team (
    one      boolean NOT NULL PRIMARY KEY CHECK (one),
    document text    NOT NULL
);

-- Who did what. Numbers only grow; the oldest lines go when there are too many.
CREATE TABLE baton.audit (
    number   bigint NOT NULL PRIMARY KEY,
    at       bigint NOT NULL,
    document text   NOT NULL
);

-- Where each stream ends, and the settings that its next decision goes by. Whoever writes into a stream locks its row
-- first, so that decisions of one stream happen one after another, whichever node makes them.
CREATE TABLE baton.streams (
    stream   integer NOT NULL PRIMARY KEY,
    head     bigint  NOT NULL,
    last_at  bigint  NOT NULL,
    settings bigint  NOT NULL
) WITH (fillfactor = 50);

-- Which of its transactions a process wrote last in a stream. A process whose connection breaks while it commits
-- finds here whether it did. `lane` keeps decisions (0) apart from all else (1).
CREATE TABLE baton.marks (
    stream  integer     NOT NULL,
    process bytea       NOT NULL,
    lane    smallint    NOT NULL,
    number  bigint      NOT NULL,
    since   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (stream, process, lane)
) WITH (fillfactor = 50);

-- Which node delivers a stream, and until when if it does not renew that. `epoch` grows each time somebody else gets
-- it: who writes by an older one is too late.
CREATE TABLE baton.leases (
    stream     integer NOT NULL PRIMARY KEY,
    epoch      bigint  NOT NULL,
    node       text,
    held_until timestamptz
) WITH (fillfactor = 50);

-- Which nodes use the database, each as it last said of itself. A node is there as long as it renews that; the rows of
-- those that are gone stay for an hour, to be seen. `alone`: no other may be there beside it.
CREATE TABLE baton.nodes (
    node        text        NOT NULL PRIMARY KEY,
    name        text        NOT NULL,
    version     text        NOT NULL,
    alone       boolean     NOT NULL,
    since       timestamptz NOT NULL DEFAULT now(),
    there_until timestamptz NOT NULL,
    waiting     bigint      NOT NULL,
    oldest      bigint
) WITH (fillfactor = 50);

CREATE TABLE baton.journal (
    stream   integer NOT NULL,
    position bigint  NOT NULL,
    chain    text    COLLATE "C",
    previous bigint,
    at       bigint  NOT NULL,
    meta     bytea   NOT NULL,
    whole    bytea   NOT NULL,
    reduced  bytea,
    context  bytea,
    PRIMARY KEY (stream, position)
);

-- `side` is 2 * page + (1 on Instagram): one number to list a page's threads by. The list goes by half a minute, and is
-- sorted within one as it is read. So a thread's row that is written again within it keeps its entries in both indexes,
-- and its new version stands beside the old one in the same page if there is room (a heap-only update): a conversation's
-- messages come close together.
CREATE TABLE baton.threads (
    stream          integer NOT NULL,
    thread          text    COLLATE "C" NOT NULL,
    side            bigint  NOT NULL,
    last            bigint  NOT NULL,
    last_message_at bigint  NOT NULL,
    half_minute     bigint  NOT NULL GENERATED ALWAYS AS (last_message_at >> 15) STORED,
    state           bytea   NOT NULL,
    PRIMARY KEY (stream, thread)
) WITH (fillfactor = 90);

CREATE INDEX threads_recent ON baton.threads (side, half_minute);

-- Where the chains of pages end; those of threads end where `threads` says.
CREATE TABLE baton.page_chains (
    stream integer NOT NULL,
    chain  text    COLLATE "C" NOT NULL,
    last   bigint  NOT NULL,
    PRIMARY KEY (stream, chain)
);

-- Changes of control, and refused asks: `number` tells refusals apart that stand after the same position, and is 0 for a
-- change of control.
CREATE TABLE baton.control (
    stream     integer NOT NULL,
    thread     text    COLLATE "C" NOT NULL,
    at         bigint  NOT NULL,
    position   bigint  NOT NULL,
    number     integer NOT NULL,
    rule       text    NOT NULL,
    via        text,
    cause      text    NOT NULL,
    by         bigint,
    owner_from bigint,
    owner_to   bigint,
    expires_at bigint,
    metadata   bytea,
    refused    text,
    PRIMARY KEY (stream, thread, at, position, number)
);

CREATE INDEX control_by_age ON baton.control (stream, at);

CREATE TABLE baton.changes (
    stream   integer NOT NULL,
    version  bigint  NOT NULL,
    position bigint  NOT NULL,
    at       bigint  NOT NULL,
    PRIMARY KEY (stream, version)
);

CREATE TABLE baton.seen (
    stream      integer NOT NULL,
    thread      text    COLLATE "C" NOT NULL,
    key         bytea   NOT NULL,
    at          bigint  NOT NULL,
    fingerprint bytea   NOT NULL,
    answer      bytea   NOT NULL,
    PRIMARY KEY (stream, thread, key)
);

CREATE INDEX seen_by_age ON baton.seen (stream, at);

CREATE TABLE baton.due (
    stream  integer NOT NULL,
    thread  text    COLLATE "C" NOT NULL,
    number  bigint  NOT NULL,
    at      bigint  NOT NULL,
    app     bigint  NOT NULL,
    content bytea   NOT NULL,
    PRIMARY KEY (stream, thread, number)
);

CREATE INDEX due_by_time ON baton.due (at, thread, number);

-- What was counted for ads (AD-6), summed over the streams when it is read.
CREATE TABLE baton.ad_counts (
    stream        integer NOT NULL,
    side          bigint  NOT NULL,
    ad            bytea   NOT NULL,
    entries       bigint  NOT NULL,
    conversations bigint  NOT NULL,
    PRIMARY KEY (stream, side, ad)
);

CREATE INDEX ad_counts_by_side ON baton.ad_counts (side, ad);

-- What is known of a person beside their conversation: a document, read whole and written whole.
CREATE TABLE baton.people (
    stream   integer NOT NULL,
    thread   text    COLLATE "C" NOT NULL,
    document text    NOT NULL,
    PRIMARY KEY (stream, thread)
);

-- What apps keep about a page beside its conversations, in the stream of the page's own Messenger chain.
CREATE TABLE baton.assets (
    stream   integer NOT NULL,
    page     bigint  NOT NULL,
    kind     text    COLLATE "C" NOT NULL,
    key      bytea   NOT NULL,
    at       bigint  NOT NULL,
    document text    NOT NULL,
    content  bytea,
    PRIMARY KEY (stream, page, kind, key)
);

CREATE INDEX assets_by_age ON baton.assets (kind, at);

-- Up to where an app was served, and where delivery to it began.
CREATE TABLE baton.cursors (
    stream integer NOT NULL,
    app    bigint  NOT NULL,
    served bigint  NOT NULL,
    start  bigint  NOT NULL,
    PRIMARY KEY (stream, app)
) WITH (fillfactor = 50);

CREATE TABLE baton.parked (
    stream   integer NOT NULL,
    app      bigint  NOT NULL,
    chain    text    COLLATE "C" NOT NULL,
    next     bigint  NOT NULL,
    attempts bigint  NOT NULL,
    since    bigint  NOT NULL,
    due      bigint  NOT NULL,
    PRIMARY KEY (stream, app, chain)
);

CREATE INDEX parked_by_due ON baton.parked (app, due, stream, chain);

CREATE TABLE baton.dead_letters (
    stream   integer NOT NULL,
    app      bigint  NOT NULL,
    position bigint  NOT NULL,
    chain    text    COLLATE "C" NOT NULL,
    at       bigint  NOT NULL,
    attempts bigint  NOT NULL,
    reason   bytea   NOT NULL,
    expired  boolean NOT NULL,
    PRIMARY KEY (stream, app, position)
);

CREATE INDEX dead_letters_newest ON baton.dead_letters (app, at, stream, position);

-- How tries to deliver went. Those of 256 neighbouring positions that were recorded at once are one row.
CREATE TABLE baton.attempts (
    stream integer NOT NULL,
    app    bigint  NOT NULL,
    bucket bigint  NOT NULL,
    number bigint  NOT NULL,
    tries  bytea   NOT NULL,
    PRIMARY KEY (stream, app, bucket, number)
);

-- What is to be sent again; `destination` is an address, or empty for the app's own.
CREATE TABLE baton.resends (
    stream      integer NOT NULL,
    app         bigint  NOT NULL,
    destination bytea   NOT NULL,
    position    bigint  NOT NULL,
    at          bigint  NOT NULL,
    PRIMARY KEY (stream, app, destination, position)
);

CREATE INDEX resends_by_place ON baton.resends (stream, position);

CREATE INDEX resends_by_app ON baton.resends (app, destination);
