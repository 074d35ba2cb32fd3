-- Installs: models on their way into the library. What was asked for is kept until it is done.

CREATE TABLE installs (
    row INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    source TEXT NOT NULL,  -- as it is shown
    address TEXT NOT NULL,  -- as it was asked for: a URL may hold a secret
    status TEXT NOT NULL
        CHECK (status IN (
            'queued', 'resolving', 'downloading', 'verifying', 'paused', 'failed', 'canceled', 'done'
        )),
    wish TEXT CHECK (wish IN ('paused', 'canceled')),  -- of one that runs, not obeyed yet
    reason TEXT CHECK (reason IN ('asked', 'disk_full')),  -- why it is paused
    name TEXT,
    sha256 TEXT,
    in_place INTEGER NOT NULL CHECK (in_place IN (0, 1)),
    revision TEXT,  -- a commit
    files TEXT NOT NULL DEFAULT '[]',  -- JSON: names, addresses, sizes, hashes, validators
    bytes INTEGER NOT NULL DEFAULT 0,  -- that had come when it last stopped
    total INTEGER,
    target TEXT,  -- the file that it becomes in the models folder
    error TEXT,  -- JSON
    model TEXT,
    created INTEGER NOT NULL,
    started INTEGER,
    ended INTEGER,
    CHECK ((status IN ('failed', 'canceled', 'done')) = (ended IS NOT NULL))
) STRICT;

CREATE INDEX installs_status ON installs (status);
