-- Trainings: runs over all the jobs that they took, what they were taught, and what they told.

CREATE TABLE trainings (
    row INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    status TEXT NOT NULL
        CHECK (status IN (
            'queued', 'running', 'paused', 'succeeded', 'stopped', 'failed', 'canceled'
        )),
    wish TEXT CHECK (wish IN ('paused', 'stopped')),  -- asked for, and true of whatever runs it next
    job TEXT NOT NULL,  -- the newest that works on it
    base_model TEXT NOT NULL,
    subjects TEXT NOT NULL,  -- JSON
    method TEXT NOT NULL,
    recipe TEXT NOT NULL,  -- JSON, as it was asked for
    plan TEXT,  -- JSON, with every choice made
    step INTEGER NOT NULL DEFAULT 0,
    steps INTEGER NOT NULL,
    loss REAL,
    model TEXT,
    parent TEXT,  -- training that it was branched from
    branch TEXT,  -- JSON: the checkpoint of the parent that it began with
    sweep TEXT,
    warnings TEXT NOT NULL DEFAULT '[]',  -- JSON
    error TEXT,  -- JSON
    created INTEGER NOT NULL,
    ended INTEGER,
    CHECK ((status IN ('queued', 'running', 'paused')) = (ended IS NULL))
) STRICT;

CREATE INDEX trainings_owner ON trainings (owner);
CREATE INDEX trainings_status ON trainings (status);
CREATE INDEX trainings_sweep ON trainings (sweep) WHERE sweep IS NOT NULL;

-- How each job begins: a retry and a resume are jobs of their own.
CREATE TABLE training_jobs (
    job TEXT PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    training INTEGER NOT NULL REFERENCES trainings (row) ON DELETE CASCADE,
    start TEXT,  -- name of a checkpoint; null: the newest, else the beginning
    allow_changed INTEGER NOT NULL DEFAULT 0 CHECK (allow_changed IN (0, 1)),
    trusted INTEGER NOT NULL DEFAULT 0 CHECK (trusted IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE INDEX training_jobs_training ON training_jobs (training);

CREATE TABLE training_datasets (
    training INTEGER NOT NULL REFERENCES trainings (row) ON DELETE CASCADE,
    dataset TEXT NOT NULL,
    PRIMARY KEY (training, dataset)
) STRICT, WITHOUT ROWID;

CREATE INDEX training_datasets_dataset ON training_datasets (dataset);

-- The pictures as they were when the run was asked for: it keeps them, whatever becomes of datasets.
CREATE TABLE training_pictures (
    training INTEGER NOT NULL REFERENCES trainings (row) ON DELETE CASCADE,
    subject INTEGER NOT NULL,
    place INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    file TEXT NOT NULL DEFAULT '',
    caption TEXT,
    held_out INTEGER NOT NULL CHECK (held_out IN (0, 1)),
    PRIMARY KEY (training, subject, place)
) STRICT, WITHOUT ROWID;

CREATE INDEX training_pictures_content ON training_pictures (sha256);

CREATE TABLE training_losses (
    training INTEGER NOT NULL REFERENCES trainings (row) ON DELETE CASCADE,
    step INTEGER NOT NULL,
    loss REAL NOT NULL,
    loss_instance REAL NOT NULL,
    loss_prior REAL,
    lr REAL NOT NULL,
    grad_norm REAL,
    seconds REAL NOT NULL,
    validation REAL,
    memory INTEGER NOT NULL,  -- bytes
    groups BLOB,  -- MessagePack: rates, norms; null where there is one group
    PRIMARY KEY (training, step)
) STRICT, WITHOUT ROWID;

CREATE TABLE training_samples (
    row INTEGER PRIMARY KEY,
    training INTEGER NOT NULL REFERENCES trainings (row) ON DELETE CASCADE,
    step INTEGER NOT NULL,
    image TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
    prompt TEXT NOT NULL,
    seed INTEGER NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('subject', 'context', 'drift', 'asked')),
    UNIQUE (training, step, role, seed, prompt)
) STRICT;

CREATE INDEX training_samples_image ON training_samples (image);
CREATE INDEX training_samples_newest ON training_samples (training, row);

CREATE TABLE training_checkpoints (
    row INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    training INTEGER NOT NULL REFERENCES trainings (row) ON DELETE CASCADE,
    step INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('checkpoint', 'snapshot')),
    name TEXT NOT NULL,  -- of its folder
    bytes INTEGER NOT NULL,
    metric REAL,
    best INTEGER NOT NULL CHECK (best IN (0, 1)),
    created INTEGER NOT NULL,
    UNIQUE (training, kind, name)
) STRICT;

CREATE INDEX training_checkpoints_newest ON training_checkpoints (training, row);

-- Trainings that wait, few among many jobs: one goes at a time, and the others are held back.
CREATE INDEX jobs_trainings ON jobs (row) WHERE kind = 'training' AND status = 'queued';

ALTER TABLE models ADD COLUMN class_word TEXT;  -- what a learned token stands before
