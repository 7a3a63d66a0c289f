-- What was counted for ads (AD-6), summed over the streams when it is read: a decision writes into its own stream
-- alone. `side` is 2 * page + (1 on Instagram).
CREATE TABLE ad_counts (
    side          INTEGER NOT NULL,
    ad            TEXT    NOT NULL,
    stream        INTEGER NOT NULL,
    entries       INTEGER NOT NULL,
    conversations INTEGER NOT NULL,
    PRIMARY KEY (side, ad, stream)
) STRICT, WITHOUT ROWID;
