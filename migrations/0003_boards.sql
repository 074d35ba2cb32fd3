-- A board that goes finds its pictures, those in the trash too, and how many boards somebody has
-- is a counter.

CREATE INDEX images_of_board ON images (board) WHERE board IS NOT NULL;

INSERT INTO counters (name, value)
SELECT 'boards.' || owner, COUNT(*)
FROM boards
GROUP BY owner;

CREATE TRIGGER boards_counted_in AFTER INSERT ON boards BEGIN
    INSERT INTO counters (name, value)
    VALUES ('boards.' || NEW.owner, 1)
    ON CONFLICT (name) DO UPDATE SET value = value + 1;
END;

CREATE TRIGGER boards_counted_out AFTER DELETE ON boards BEGIN
    UPDATE counters SET value = value - 1 WHERE name = 'boards.' || OLD.owner;
END;
