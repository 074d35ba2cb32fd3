-- Webhooks: addresses that are told how work ended, and what is to be told to them.

ALTER TABLE batches ADD COLUMN webhook TEXT;  -- JSON: the address and its events

CREATE TABLE deliveries (
    row INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    batch INTEGER NOT NULL REFERENCES batches (row),
    event TEXT NOT NULL CHECK (event IN ('job.ended', 'batch.ended', 'training.ended')),
    about TEXT NOT NULL,  -- id of what ended
    url TEXT NOT NULL,
    host TEXT NOT NULL,  -- with its port: who waits for whom
    fact BLOB NOT NULL,  -- the JSON that went on the wire
    status TEXT NOT NULL CHECK (status IN ('waiting', 'delivered', 'failed')),
    attempts INTEGER NOT NULL DEFAULT 0,
    due INTEGER,  -- when it is tried next
    answer INTEGER,  -- status of the last answer
    error TEXT,  -- JSON: why the last attempt failed
    created INTEGER NOT NULL,
    ended INTEGER,
    CHECK ((status = 'waiting') = (due IS NOT NULL)),
    CHECK ((status = 'waiting') = (ended IS NULL))
) STRICT;

CREATE INDEX deliveries_line ON deliveries (host, due) WHERE status = 'waiting';
CREATE INDEX deliveries_ended ON deliveries (ended) WHERE ended IS NOT NULL;
CREATE INDEX deliveries_batch ON deliveries (batch);
CREATE INDEX deliveries_status ON deliveries (status);
CREATE INDEX deliveries_owner ON deliveries (owner, status);
CREATE INDEX deliveries_owned ON deliveries (owner);

-- How many wait now, and how many ended ever: the latter only grow.
INSERT INTO counters (name, value)
VALUES ('deliveries.waiting', 0), ('deliveries.delivered', 0), ('deliveries.failed', 0);

CREATE TRIGGER deliveries_begun AFTER INSERT ON deliveries BEGIN
    UPDATE counters SET value = value + 1 WHERE name = 'deliveries.' || NEW.status;
END;

CREATE TRIGGER deliveries_counted AFTER UPDATE OF status ON deliveries
WHEN OLD.status <> NEW.status BEGIN
    UPDATE counters
    SET value = value - (OLD.status = 'waiting')
    WHERE name = 'deliveries.waiting';
    UPDATE counters SET value = value + 1 WHERE name = 'deliveries.' || NEW.status;
END;
