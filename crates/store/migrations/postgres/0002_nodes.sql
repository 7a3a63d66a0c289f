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
