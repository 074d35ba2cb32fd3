-- Every filter of the gallery has an index that gives the newest first, and the search can ask
-- which words the index holds.

CREATE INDEX images_of_kind ON images (kind) WHERE deleted IS NULL AND lost = 0;

CREATE VIRTUAL TABLE images_words USING fts5vocab ('images_text', 'instance');
