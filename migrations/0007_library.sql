-- What a model's file says of itself, models whose file is gone, four more kinds, and folders of
-- models that were added by hand. The table is made anew, since a CHECK cannot be changed.

CREATE TABLE models_new (
    row INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    kind TEXT NOT NULL
        CHECK (kind IN (
            'checkpoint', 'lora', 'vae', 'controlnet', 'ip_adapter', 'embedding', 'upscaler', 'other',
            'text_encoder', 'clip_vision', 'restorer'
        )),
    family TEXT NOT NULL,
    format TEXT NOT NULL CHECK (format IN ('diffusers', 'single', 'gguf', 'spandrel')),
    root TEXT NOT NULL,  -- label of the library folder
    file TEXT NOT NULL,  -- inside it
    bytes INTEGER NOT NULL,
    changed INTEGER NOT NULL,  -- of the file
    identity TEXT NOT NULL,  -- stands for the content until its hash is known
    sha256 TEXT,
    token TEXT,
    trigger TEXT,
    description TEXT,
    defaults TEXT NOT NULL,  -- JSON
    edited TEXT NOT NULL DEFAULT '[]',  -- JSON: fields that people wrote and a scan leaves alone
    source TEXT,
    created INTEGER NOT NULL,
    variant TEXT,
    edition TEXT,
    trigger_words TEXT NOT NULL DEFAULT '[]',  -- JSON
    metadata TEXT NOT NULL DEFAULT '{}',  -- JSON
    licence TEXT,
    link TEXT,
    cover TEXT REFERENCES images (id) ON DELETE SET NULL,
    missing INTEGER NOT NULL DEFAULT 0 CHECK (missing IN (0, 1)),  -- the file is gone
    stamp TEXT NOT NULL DEFAULT '',  -- changes when the file is to be read again
    inode TEXT NOT NULL DEFAULT '',  -- stays when the file is renamed
    UNIQUE (root, file)
) STRICT;

INSERT INTO models_new (
    row, id, name, kind, family, format, root, file, bytes, changed, identity, sha256, token,
    trigger, description, defaults, edited, source, created
)
SELECT
    row, id, name, kind, family, format, root, file, bytes, changed, identity, sha256, token,
    trigger, description, defaults, edited, source, created
FROM models;

DROP TABLE models;

ALTER TABLE models_new RENAME TO models;

CREATE INDEX models_name ON models (name);
CREATE INDEX models_sha256 ON models (sha256) WHERE sha256 IS NOT NULL;
CREATE INDEX models_cover ON models (cover) WHERE cover IS NOT NULL;

CREATE TABLE model_roots (
    row INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    path TEXT NOT NULL UNIQUE,  -- absolute; also the label of its models
    created INTEGER NOT NULL
) STRICT;
