-- Everything that is kept. Times are milliseconds since 1970; ids are ULIDs; `row` grows with time.

PRAGMA application_id = 1212501065;  -- "HELI"

CREATE TABLE counters (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL  -- JSON
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    topic TEXT NOT NULL
        CHECK (topic IN ('jobs', 'previews', 'training', 'gallery', 'models', 'system')),
    owner TEXT,
    job TEXT,
    text BLOB NOT NULL  -- the JSON that goes on the wire
) STRICT;

-- Who shares the engine. `rank` orders them; core/jobs/share.py says how.
CREATE TABLE clients (
    row INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    start REAL NOT NULL DEFAULT 0,  -- virtual time at which the next job starts, engine-seconds
    rank REAL NOT NULL DEFAULT 0,  -- start, less the head start of the first job's priority
    queued INTEGER NOT NULL DEFAULT 0,
    cost INTEGER NOT NULL DEFAULT 0  -- of all that is queued
) STRICT;

CREATE INDEX clients_waiting ON clients (rank) WHERE queued > 0;

CREATE TABLE batches (
    row INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('graph', 'training', 'task')),
    owner TEXT NOT NULL,
    client INTEGER NOT NULL REFERENCES clients (row),
    request_id TEXT NOT NULL,
    board TEXT,
    exact INTEGER NOT NULL CHECK (exact IN (0, 1)),
    graph TEXT NOT NULL,  -- JSON, before any cell is applied
    recipe TEXT,  -- JSON
    axes TEXT NOT NULL,  -- JSON: label, targets, values
    count INTEGER NOT NULL,
    queued INTEGER NOT NULL DEFAULT 0,
    running INTEGER NOT NULL DEFAULT 0,
    succeeded INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    canceled INTEGER NOT NULL DEFAULT 0,
    quarantined INTEGER NOT NULL DEFAULT 0,
    created INTEGER NOT NULL,
    ended INTEGER
) STRICT;

CREATE INDEX batches_owner ON batches (owner);

CREATE TABLE jobs (
    row INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    batch INTEGER NOT NULL REFERENCES batches (row),
    client INTEGER NOT NULL REFERENCES clients (row),
    owner TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('graph', 'training', 'task')),
    status TEXT NOT NULL
        CHECK (status IN ('queued', 'running', 'succeeded', 'failed', 'canceled', 'quarantined')),
    cell TEXT NOT NULL,  -- JSON: for each axis the index of the value
    priority INTEGER NOT NULL,
    turn INTEGER GENERATED ALWAYS AS (-priority) VIRTUAL,  -- so that the line's whole key ascends
    place REAL NOT NULL,  -- order among equals: the row, unless moved
    cost INTEGER NOT NULL,  -- rows x steps x pixels
    attempt INTEGER NOT NULL DEFAULT 0,
    crashes INTEGER NOT NULL DEFAULT 0,  -- of the engine while this job was alone in it
    suspect INTEGER NOT NULL DEFAULT 0 CHECK (suspect IN (0, 1)),
    canceling INTEGER NOT NULL DEFAULT 0 CHECK (canceling IN (0, 1)),
    boot TEXT,
    generation INTEGER,
    charge REAL NOT NULL DEFAULT 0,  -- engine-seconds that its client was charged at the claim
    created INTEGER NOT NULL,
    started INTEGER,
    ended INTEGER,
    seconds REAL,
    error TEXT,  -- JSON
    degraded TEXT,  -- JSON
    CHECK ((status = 'running') = (boot IS NOT NULL AND generation IS NOT NULL)),
    CHECK ((status IN ('queued', 'running')) = (ended IS NULL))
) STRICT;

CREATE INDEX jobs_line ON jobs (client, turn, place) WHERE status = 'queued';
CREATE INDEX jobs_suspects ON jobs (row) WHERE status = 'queued' AND suspect = 1;
CREATE INDEX jobs_running ON jobs (boot, generation) WHERE status = 'running';
CREATE INDEX jobs_batch ON jobs (batch, status);
CREATE INDEX jobs_status ON jobs (status);
CREATE INDEX jobs_owner ON jobs (owner);
CREATE INDEX jobs_owner_status ON jobs (owner, status);

INSERT INTO counters (name, value)
VALUES
    ('jobs.queued', 0), ('jobs.running', 0), ('jobs.succeeded', 0), ('jobs.failed', 0),
    ('jobs.canceled', 0), ('jobs.quarantined', 0), ('cost.queued', 0), ('cost.running', 0);

-- Every change of a status keeps every count, whoever makes it.
CREATE TRIGGER jobs_counted AFTER UPDATE OF status ON jobs WHEN OLD.status <> NEW.status BEGIN
    UPDATE counters SET value = value - 1 WHERE name = 'jobs.' || OLD.status;
    UPDATE counters SET value = value + 1 WHERE name = 'jobs.' || NEW.status;
    UPDATE counters SET value = value - OLD.cost WHERE name = 'cost.' || OLD.status;
    UPDATE counters SET value = value + NEW.cost WHERE name = 'cost.' || NEW.status;
    UPDATE clients
    SET queued = queued + (NEW.status = 'queued') - (OLD.status = 'queued'),
        cost = cost + NEW.cost * ((NEW.status = 'queued') - (OLD.status = 'queued'))
    WHERE row = NEW.client AND 'queued' IN (OLD.status, NEW.status);
    UPDATE batches
    SET queued = queued + (NEW.status = 'queued') - (OLD.status = 'queued'),
        running = running + (NEW.status = 'running') - (OLD.status = 'running'),
        succeeded = succeeded + (NEW.status = 'succeeded'),
        failed = failed + (NEW.status = 'failed'),
        canceled = canceled + (NEW.status = 'canceled'),
        quarantined = quarantined + (NEW.status = 'quarantined')
    WHERE row = NEW.batch;
END;

-- What ended is ended for good.
CREATE TRIGGER jobs_final BEFORE UPDATE OF status ON jobs
WHEN OLD.ended IS NOT NULL AND OLD.status <> NEW.status BEGIN
    SELECT RAISE(ABORT, 'a terminal status never changes');
END;

CREATE TABLE idempotency (
    owner TEXT NOT NULL,
    key TEXT NOT NULL,
    body TEXT NOT NULL,  -- hash
    batch INTEGER NOT NULL REFERENCES batches (row),
    created INTEGER NOT NULL,
    PRIMARY KEY (owner, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_created ON idempotency (created);

CREATE TABLE boards (
    row INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    owner TEXT NOT NULL,
    created INTEGER NOT NULL
) STRICT;

CREATE INDEX boards_owner ON boards (owner);

CREATE TABLE images (
    row INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('output', 'upload', 'mask', 'sample')),
    owner TEXT NOT NULL,
    job TEXT REFERENCES jobs (id) ON DELETE SET NULL,
    output INTEGER,  -- running number of the job's outputs
    batch TEXT REFERENCES batches (id) ON DELETE SET NULL,
    board TEXT REFERENCES boards (id) ON DELETE SET NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    blob INTEGER NOT NULL CHECK (blob IN (0, 1)),  -- the file lies in blobs/, not in images/
    created INTEGER NOT NULL,
    deleted INTEGER,  -- when it went to the trash
    lost INTEGER NOT NULL DEFAULT 0 CHECK (lost IN (0, 1)),  -- the file vanished
    starred INTEGER NOT NULL DEFAULT 0 CHECK (starred IN (0, 1)),
    note TEXT,
    prompt TEXT,
    negative_prompt TEXT,
    model TEXT,
    seed INTEGER,
    steps INTEGER,
    sampler TEXT,
    guidance_scale REAL,
    UNIQUE (job, output)
) STRICT;

CREATE INDEX images_shown ON images (row) WHERE deleted IS NULL AND lost = 0;
CREATE INDEX images_owner ON images (owner) WHERE deleted IS NULL AND lost = 0;
CREATE INDEX images_kind ON images (owner, kind) WHERE deleted IS NULL AND lost = 0;
CREATE INDEX images_board ON images (board)
WHERE board IS NOT NULL AND deleted IS NULL AND lost = 0;
CREATE INDEX images_model ON images (model)
WHERE model IS NOT NULL AND deleted IS NULL AND lost = 0;
CREATE INDEX images_starred ON images (row) WHERE starred = 1 AND deleted IS NULL AND lost = 0;
CREATE INDEX images_batch ON images (batch) WHERE batch IS NOT NULL;
CREATE INDEX images_trash ON images (row) WHERE deleted IS NOT NULL;
CREATE INDEX images_deleted ON images (deleted) WHERE deleted IS NOT NULL;
CREATE INDEX images_content ON images (sha256);

CREATE TRIGGER images_counted_in AFTER INSERT ON images BEGIN
    INSERT INTO counters (name, value)
    SELECT name, 1
    FROM (SELECT 'images.' || NEW.kind AS name UNION ALL SELECT 'board.' || NEW.board)
    WHERE name IS NOT NULL AND NEW.deleted IS NULL AND NEW.lost = 0
    ON CONFLICT (name) DO UPDATE SET value = value + 1;
END;

CREATE TRIGGER images_counted_out AFTER DELETE ON images BEGIN
    UPDATE counters
    SET value = value - 1
    WHERE name IN ('images.' || OLD.kind, 'board.' || OLD.board)
        AND OLD.deleted IS NULL AND OLD.lost = 0;
END;

CREATE TRIGGER images_counted_again AFTER UPDATE OF deleted, lost, board, kind ON images BEGIN
    UPDATE counters
    SET value = value - 1
    WHERE name IN ('images.' || OLD.kind, 'board.' || OLD.board)
        AND OLD.deleted IS NULL AND OLD.lost = 0;
    INSERT INTO counters (name, value)
    SELECT name, 1
    FROM (SELECT 'images.' || NEW.kind AS name UNION ALL SELECT 'board.' || NEW.board)
    WHERE name IS NOT NULL AND NEW.deleted IS NULL AND NEW.lost = 0
    ON CONFLICT (name) DO UPDATE SET value = value + 1;
END;

CREATE VIRTUAL TABLE images_text USING fts5 (
    prompt, negative_prompt, model, note,
    content = 'images', content_rowid = 'row',
    tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3'
);

CREATE TRIGGER images_text_in AFTER INSERT ON images BEGIN
    INSERT INTO images_text (rowid, prompt, negative_prompt, model, note)
    VALUES (NEW.row, NEW.prompt, NEW.negative_prompt, NEW.model, NEW.note);
END;

CREATE TRIGGER images_text_out AFTER DELETE ON images BEGIN
    INSERT INTO images_text (images_text, rowid, prompt, negative_prompt, model, note)
    VALUES ('delete', OLD.row, OLD.prompt, OLD.negative_prompt, OLD.model, OLD.note);
END;

CREATE TRIGGER images_text_again
AFTER UPDATE OF prompt, negative_prompt, model, note ON images BEGIN
    INSERT INTO images_text (images_text, rowid, prompt, negative_prompt, model, note)
    VALUES ('delete', OLD.row, OLD.prompt, OLD.negative_prompt, OLD.model, OLD.note);
    INSERT INTO images_text (rowid, prompt, negative_prompt, model, note)
    VALUES (NEW.row, NEW.prompt, NEW.negative_prompt, NEW.model, NEW.note);
END;

CREATE TABLE models (
    row INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    kind TEXT NOT NULL
        CHECK (kind IN (
            'checkpoint', 'lora', 'vae', 'controlnet', 'ip_adapter', 'embedding', 'upscaler', 'other'
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
    UNIQUE (root, file)
) STRICT;

CREATE INDEX models_name ON models (name);
CREATE INDEX models_sha256 ON models (sha256) WHERE sha256 IS NOT NULL;

CREATE TABLE tokens (
    row INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    hash TEXT NOT NULL,  -- SHA-256 of the whole text
    name TEXT NOT NULL,
    scopes TEXT NOT NULL,  -- JSON
    created INTEGER NOT NULL,
    last_used INTEGER
) STRICT;
