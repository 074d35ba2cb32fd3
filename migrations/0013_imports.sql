-- Imports: pictures of other programs that move in, and where those lie that stay in their place.

ALTER TABLE images ADD COLUMN made INTEGER;  -- when another program made it
ALTER TABLE images ADD COLUMN external BLOB;  -- path of a file that is not ours and stays there

CREATE TABLE imports (
    row INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    folder TEXT NOT NULL,
    mode TEXT NOT NULL CHECK (mode IN ('copy', 'reference')),
    recursive INTEGER NOT NULL CHECK (recursive IN (0, 1)),
    board TEXT,  -- its name
    by_folder INTEGER NOT NULL CHECK (by_folder IN (0, 1)),
    invokeai TEXT,  -- path of its database
    status TEXT NOT NULL
        CHECK (status IN ('queued', 'running', 'succeeded', 'failed', 'canceled')),
    found INTEGER NOT NULL DEFAULT 0,
    added INTEGER NOT NULL DEFAULT 0,
    known INTEGER NOT NULL DEFAULT 0,
    refused INTEGER NOT NULL DEFAULT 0,
    reasons TEXT NOT NULL DEFAULT '{}',  -- JSON: code → files
    refusals TEXT NOT NULL DEFAULT '[]',  -- JSON: the first of them, by name
    error TEXT,  -- JSON
    created INTEGER NOT NULL,
    started INTEGER,
    ended INTEGER,
    CHECK ((status IN ('succeeded', 'failed', 'canceled')) = (ended IS NOT NULL))
) STRICT;

CREATE INDEX imports_open ON imports (row) WHERE ended IS NULL;

-- Files that are in the gallery already; one whose picture is deleted for good may come again.
CREATE TABLE imported (
    row INTEGER PRIMARY KEY,
    owner TEXT NOT NULL,
    path BLOB NOT NULL,
    bytes INTEGER NOT NULL,
    changed INTEGER NOT NULL,  -- nanoseconds since 1970, as the system says
    sha256 TEXT NOT NULL,  -- of the file as it lay there
    image TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
    import TEXT NOT NULL,
    UNIQUE (owner, path)
) STRICT;

CREATE INDEX imported_sha256 ON imported (owner, sha256);
CREATE INDEX imported_image ON imported (image);
