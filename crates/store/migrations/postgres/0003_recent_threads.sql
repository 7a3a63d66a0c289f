-- The list of a page's threads goes by half a minute, and is sorted within one as it is read. So a thread's row that is
-- written again within it keeps its entries in both indexes, and its new version stands beside the old one in the same
-- page if there is room (a heap-only update): a conversation's messages come close together.
ALTER TABLE baton.threads
    ADD COLUMN half_minute bigint NOT NULL GENERATED ALWAYS AS (last_message_at >> 15) STORED,
    SET (fillfactor = 90);

CREATE INDEX threads_recent ON baton.threads (side, half_minute);

DROP INDEX baton.threads_newest;
