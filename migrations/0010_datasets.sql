-- Datasets: pictures of a subject, and files that are not trained on. How many there are, and how
-- many bytes they take, is kept with the dataset.

CREATE TABLE datasets (
    row INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    pictures INTEGER NOT NULL DEFAULT 0,
    quarantined INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,
    key TEXT,  -- idempotency key of the request that made it, for a day
    body TEXT,  -- hash of that request
    created INTEGER NOT NULL,
    UNIQUE (owner, key)
) STRICT;

CREATE INDEX datasets_owner ON datasets (owner);

CREATE TRIGGER datasets_counted_in AFTER INSERT ON datasets BEGIN
    INSERT INTO counters (name, value)
    VALUES ('datasets.' || NEW.owner, 1)
    ON CONFLICT (name) DO UPDATE SET value = value + 1;
END;

CREATE TRIGGER datasets_counted_out AFTER DELETE ON datasets BEGIN
    UPDATE counters SET value = value - 1 WHERE name = 'datasets.' || OLD.owner;
END;

CREATE TABLE dataset_pictures (
    row INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    dataset INTEGER NOT NULL REFERENCES datasets (row),
    file TEXT NOT NULL,  -- its name when it came
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    sha256 TEXT NOT NULL,  -- of the PNG, which is a blob
    thumbnail TEXT NOT NULL,  -- a blob, too
    pixels TEXT NOT NULL,  -- SHA-256 of what is decoded
    likeness INTEGER,  -- 64 bits that are nearly those of what looks alike; null: all one colour
    transparent INTEGER NOT NULL CHECK (transparent IN (0, 1)),
    caption TEXT,
    held_out INTEGER NOT NULL DEFAULT 0 CHECK (held_out IN (0, 1)),
    notes TEXT NOT NULL DEFAULT '[]',  -- JSON: what was odd when it came
    created INTEGER NOT NULL,
    UNIQUE (dataset, pixels)
) STRICT;

CREATE INDEX dataset_pictures_sizes ON dataset_pictures (dataset, width, height);
CREATE INDEX dataset_pictures_dataset ON dataset_pictures (dataset);
CREATE INDEX dataset_pictures_sha256 ON dataset_pictures (sha256);
CREATE INDEX dataset_pictures_thumbnail ON dataset_pictures (thumbnail);

-- Two likenesses that differ in three bits at most have a quarter in common.
CREATE INDEX dataset_pictures_first ON dataset_pictures (dataset, likeness & 65535);
CREATE INDEX dataset_pictures_second ON dataset_pictures (dataset, likeness >> 16 & 65535);
CREATE INDEX dataset_pictures_third ON dataset_pictures (dataset, likeness >> 32 & 65535);
CREATE INDEX dataset_pictures_fourth ON dataset_pictures (dataset, likeness >> 48 & 65535);

CREATE TRIGGER dataset_pictures_counted_in AFTER INSERT ON dataset_pictures BEGIN
    UPDATE datasets
    SET pictures = pictures + 1, bytes = bytes + NEW.bytes
    WHERE row = NEW.dataset;
END;

CREATE TRIGGER dataset_pictures_counted_out AFTER DELETE ON dataset_pictures BEGIN
    UPDATE datasets
    SET pictures = pictures - 1, bytes = bytes - OLD.bytes
    WHERE row = OLD.dataset;
END;

CREATE TABLE dataset_quarantine (
    row INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    dataset INTEGER NOT NULL REFERENCES datasets (row),
    file TEXT NOT NULL,
    code TEXT NOT NULL,
    params TEXT NOT NULL,  -- JSON
    created INTEGER NOT NULL,
    UNIQUE (dataset, file)
) STRICT;

CREATE TRIGGER dataset_quarantine_counted_in AFTER INSERT ON dataset_quarantine BEGIN
    UPDATE datasets SET quarantined = quarantined + 1 WHERE row = NEW.dataset;
END;

CREATE TRIGGER dataset_quarantine_counted_out AFTER DELETE ON dataset_quarantine BEGIN
    UPDATE datasets SET quarantined = quarantined - 1 WHERE row = OLD.dataset;
END;
