-- Tasks: a job may find something out, or make a model, and keeps what came of it.

ALTER TABLE jobs ADD COLUMN result TEXT;  -- JSON
