-- Which nodes of a job came from the cache is kept with it, so that it can be told once it has ended.

ALTER TABLE jobs ADD COLUMN cached TEXT;  -- JSON: ids of nodes
