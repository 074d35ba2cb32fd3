-- Saved graphs. How many somebody has is a counter.

CREATE TABLE workflows (
    row INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    version INTEGER NOT NULL,  -- grows with each change
    graph TEXT NOT NULL,  -- JSON, as it was sent: nodes that are not installed stay
    inputs TEXT NOT NULL,  -- JSON
    outputs TEXT NOT NULL,  -- JSON
    layout TEXT NOT NULL,  -- JSON, the client's own
    tags TEXT NOT NULL,  -- JSON
    created INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    UNIQUE (owner, name)
) STRICT;

CREATE INDEX workflows_owner ON workflows (owner);

CREATE TRIGGER workflows_counted_in AFTER INSERT ON workflows BEGIN
    INSERT INTO counters (name, value)
    VALUES ('workflows.' || NEW.owner, 1)
    ON CONFLICT (name) DO UPDATE SET value = value + 1;
END;

CREATE TRIGGER workflows_counted_out AFTER DELETE ON workflows BEGIN
    UPDATE counters SET value = value - 1 WHERE name = 'workflows.' || OLD.owner;
END;
