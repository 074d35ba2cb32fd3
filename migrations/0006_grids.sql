-- Grids: each cell of a batch has one job that stands for it; what failed is asked for again under
-- the same cell, and a batch may bound how many of its jobs run at once.

ALTER TABLE batches ADD COLUMN retried INTEGER NOT NULL DEFAULT 0;  -- jobs whose cell has a newer one
ALTER TABLE batches ADD COLUMN max_rows INTEGER;  -- jobs in the line or running; null: all of them

ALTER TABLE jobs ADD COLUMN spot INTEGER NOT NULL DEFAULT 0;  -- number of its cell, 0 first
ALTER TABLE jobs ADD COLUMN successor TEXT;  -- id of the job that stands for the cell instead
ALTER TABLE jobs ADD COLUMN held INTEGER NOT NULL DEFAULT 0 CHECK (held IN (0, 1));

ALTER TABLE clients ADD COLUMN held INTEGER NOT NULL DEFAULT 0;  -- of what is queued

UPDATE jobs
SET spot = jobs.row - firsts.first
FROM (SELECT batch, MIN(row) AS first FROM jobs GROUP BY batch) AS firsts
WHERE firsts.batch = jobs.batch;

CREATE INDEX jobs_spots ON jobs (batch, spot) WHERE successor IS NULL;

-- What is held waits in its client's line as everything else, and is passed over.
CREATE INDEX jobs_ready ON jobs (client, turn, place) WHERE status = 'queued' AND held = 0;
CREATE INDEX jobs_held ON jobs (batch, turn, place) WHERE status = 'queued' AND held = 1;
CREATE INDEX clients_ready ON clients (rank) WHERE queued > held;

CREATE TRIGGER jobs_let_go AFTER UPDATE OF held ON jobs
WHEN OLD.held <> NEW.held AND NEW.status = 'queued' BEGIN
    UPDATE clients SET held = held + NEW.held - OLD.held WHERE row = NEW.client;
END;

CREATE TRIGGER jobs_held_ended AFTER UPDATE OF status ON jobs
WHEN OLD.status = 'queued' AND NEW.status <> 'queued' AND NEW.held = 1 BEGIN
    UPDATE clients SET held = held - 1 WHERE row = NEW.client;
END;
