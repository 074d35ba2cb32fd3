-- Prompt styles and saved settings. How many somebody has is a counter.

CREATE TABLE presets (
    row INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    prompt TEXT NOT NULL,
    negative_prompt TEXT NOT NULL,
    settings TEXT NOT NULL,  -- JSON: fields of generate
    created INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    UNIQUE (owner, name)
) STRICT;

CREATE INDEX presets_owner ON presets (owner);

CREATE TRIGGER presets_counted_in AFTER INSERT ON presets BEGIN
    INSERT INTO counters (name, value)
    VALUES ('presets.' || NEW.owner, 1)
    ON CONFLICT (name) DO UPDATE SET value = value + 1;
END;

CREATE TRIGGER presets_counted_out AFTER DELETE ON presets BEGIN
    UPDATE counters SET value = value - 1 WHERE name = 'presets.' || OLD.owner;
END;
