-- Intermediates: pictures that were sent for a job and not for the gallery, such as what a canvas
-- draws from. Lists leave them out, so every index of what is shown does; they have one of their own.

ALTER TABLE images ADD COLUMN intermediate INTEGER NOT NULL DEFAULT 0 CHECK (intermediate IN (0, 1));

DROP TRIGGER images_counted_in;
DROP TRIGGER images_counted_out;
DROP TRIGGER images_counted_again;

DROP INDEX images_shown;
DROP INDEX images_owner;
DROP INDEX images_kind;
DROP INDEX images_of_kind;
DROP INDEX images_board;
DROP INDEX images_model;
DROP INDEX images_starred;

-- Masks that were sent so far, and that nobody did anything with, were sent by a canvas or a program.
UPDATE images
SET intermediate = 1
WHERE kind = 'mask' AND job IS NULL AND made IS NULL AND board IS NULL AND starred = 0
    AND note IS NULL;

CREATE INDEX images_shown ON images (row) WHERE deleted IS NULL AND lost = 0 AND intermediate = 0;
CREATE INDEX images_owner ON images (owner) WHERE deleted IS NULL AND lost = 0 AND intermediate = 0;
CREATE INDEX images_kind ON images (owner, kind)
WHERE deleted IS NULL AND lost = 0 AND intermediate = 0;
CREATE INDEX images_of_kind ON images (kind)
WHERE deleted IS NULL AND lost = 0 AND intermediate = 0;
CREATE INDEX images_board ON images (board)
WHERE board IS NOT NULL AND deleted IS NULL AND lost = 0 AND intermediate = 0;
CREATE INDEX images_model ON images (model)
WHERE model IS NOT NULL AND deleted IS NULL AND lost = 0 AND intermediate = 0;
CREATE INDEX images_starred ON images (row)
WHERE starred = 1 AND deleted IS NULL AND lost = 0 AND intermediate = 0;
CREATE INDEX images_intermediate ON images (row)
WHERE intermediate = 1 AND deleted IS NULL AND lost = 0;
CREATE INDEX images_intermediate_owner ON images (owner)
WHERE intermediate = 1 AND deleted IS NULL AND lost = 0;

-- Whoever clears intermediates asks what waits or runs.
CREATE INDEX batches_open ON batches (row) WHERE ended IS NULL;

DELETE FROM counters WHERE name = 'images.mask';

INSERT INTO counters (name, value)
SELECT 'images.mask', COUNT(*)
FROM images
WHERE kind = 'mask' AND deleted IS NULL AND lost = 0 AND intermediate = 0
UNION ALL
SELECT 'intermediates.' || owner, COUNT(*)
FROM images
WHERE intermediate = 1 AND deleted IS NULL AND lost = 0
GROUP BY owner
UNION ALL
SELECT 'intermediate_bytes.' || owner, SUM(bytes)
FROM images
WHERE intermediate = 1 AND deleted IS NULL AND lost = 0
GROUP BY owner;

CREATE TRIGGER images_counted_in AFTER INSERT ON images
WHEN NEW.deleted IS NULL AND NEW.lost = 0 AND NEW.intermediate = 0 BEGIN
    INSERT INTO counters (name, value)
    SELECT name, 1
    FROM (SELECT 'images.' || NEW.kind AS name UNION ALL SELECT 'board.' || NEW.board)
    WHERE name IS NOT NULL
    ON CONFLICT (name) DO UPDATE SET value = value + 1;
END;

CREATE TRIGGER images_counted_out AFTER DELETE ON images
WHEN OLD.deleted IS NULL AND OLD.lost = 0 AND OLD.intermediate = 0 BEGIN
    UPDATE counters
    SET value = value - 1
    WHERE name IN ('images.' || OLD.kind, 'board.' || OLD.board);
END;

CREATE TRIGGER images_counted_again
AFTER UPDATE OF deleted, lost, board, kind, intermediate ON images BEGIN
    UPDATE counters
    SET value = value - 1
    WHERE name IN ('images.' || OLD.kind, 'board.' || OLD.board)
        AND OLD.deleted IS NULL AND OLD.lost = 0 AND OLD.intermediate = 0;
    INSERT INTO counters (name, value)
    SELECT name, 1
    FROM (SELECT 'images.' || NEW.kind AS name UNION ALL SELECT 'board.' || NEW.board)
    WHERE name IS NOT NULL AND NEW.deleted IS NULL AND NEW.lost = 0 AND NEW.intermediate = 0
    ON CONFLICT (name) DO UPDATE SET value = value + 1;
END;

CREATE TRIGGER intermediates_counted_in AFTER INSERT ON images
WHEN NEW.intermediate = 1 AND NEW.deleted IS NULL AND NEW.lost = 0 BEGIN
    INSERT INTO counters (name, value)
    VALUES ('intermediates.' || NEW.owner, 1), ('intermediate_bytes.' || NEW.owner, NEW.bytes)
    ON CONFLICT (name) DO UPDATE SET value = value + excluded.value;
END;

CREATE TRIGGER intermediates_counted_out AFTER DELETE ON images
WHEN OLD.intermediate = 1 AND OLD.deleted IS NULL AND OLD.lost = 0 BEGIN
    INSERT INTO counters (name, value)
    VALUES ('intermediates.' || OLD.owner, -1), ('intermediate_bytes.' || OLD.owner, -OLD.bytes)
    ON CONFLICT (name) DO UPDATE SET value = value + excluded.value;
END;

CREATE TRIGGER intermediates_counted_again
AFTER UPDATE OF deleted, lost, intermediate ON images
WHEN OLD.intermediate = 1 OR NEW.intermediate = 1 BEGIN
    INSERT INTO counters (name, value)
    VALUES
        (
            'intermediates.' || NEW.owner,
            (NEW.intermediate = 1 AND NEW.deleted IS NULL AND NEW.lost = 0)
            - (OLD.intermediate = 1 AND OLD.deleted IS NULL AND OLD.lost = 0)
        ),
        (
            'intermediate_bytes.' || NEW.owner,
            NEW.bytes * (
                (NEW.intermediate = 1 AND NEW.deleted IS NULL AND NEW.lost = 0)
                - (OLD.intermediate = 1 AND OLD.deleted IS NULL AND OLD.lost = 0)
            )
        )
    ON CONFLICT (name) DO UPDATE SET value = value + excluded.value;
END;
