"""Databases as released schemas held them: made by SQL of their time, never by today's code.

``ROWS[n]`` fills a new database of version ``n``, one row or more in every table. Written when the
version is released, and never changed again.
"""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from core.paths import Layout, shipped
from core.store import migrate

ROWS = {
    1: """
INSERT INTO clients (row, name, start, rank, queued, cost)
VALUES (1, 'local', 12.5, 11.5, 1, 4096), (2, 'bot', 0.0, 0.0, 0, 0);

INSERT INTO boards (row, id, name, owner, created)
VALUES (1, '01K0000000000000000000BRD1', 'Füchse', 'local', 1760000000000);

INSERT INTO batches (
    row, id, kind, owner, client, request_id, board, exact, graph, recipe, axes, count, queued,
    succeeded, failed, created, ended
)
VALUES (
    1, '01K0000000000000000000BAT1', 'graph', 'local', 1, 'r1', '01K0000000000000000000BRD1', 0,
    '{"format":1,"nodes":[]}', '{"name":"txt2img","prompt":"a fox"}', '[]', 2, 1, 1, 0,
    1760000000001, NULL
), (
    2, '01K0000000000000000000BAT2', 'graph', 'bot', 2, '', NULL, 1, '{"format":1,"nodes":[]}',
    NULL, '[]', 1, 0, 0, 1, 1760000000002, 1760000000009
);

INSERT INTO jobs (
    row, id, batch, client, owner, kind, status, cell, priority, place, cost, attempt, created,
    started, ended, seconds, error, degraded
)
VALUES (
    1, '01K0000000000000000000J0B1', 1, 1, 'local', 'graph', 'succeeded', '[]', 0, 1, 4096, 1,
    1760000000001, 1760000000002, 1760000000005, 0.003, NULL, '[]'
), (
    2, '01K0000000000000000000J0B2', 1, 1, 'local', 'graph', 'queued', '[]', 5, 2, 4096, 0,
    1760000000001, NULL, NULL, NULL, NULL, NULL
), (
    3, '01K0000000000000000000J0B3', 2, 2, 'bot', 'graph', 'failed', '[]', 0, 3, 4096, 2,
    1760000000002, 1760000000003, 1760000000009, 0.006, '{"code":"node_failed"}', '[]'
);

INSERT INTO images (
    row, id, kind, owner, job, output, batch, board, width, height, bytes, sha256, blob, created,
    deleted, starred, note, prompt, negative_prompt, model, seed, steps, sampler, guidance_scale
)
VALUES (
    1, '01K00000000000000000001MG1', 'output', 'local', '01K0000000000000000000J0B1', 0,
    '01K0000000000000000000BAT1', '01K0000000000000000000BRD1', 64, 64, 700,
    '00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff', 0, 1760000000005, NULL, 1,
    'the best', 'a red fox', 'blurry', 'starter', 7, 2, 'euler', 7.5
), (
    2, '01K00000000000000000001MG2', 'upload', 'bot', NULL, NULL, NULL, NULL, 8, 8, 90,
    'ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100', 1, 1760000000006,
    1760000000007, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
);

INSERT INTO models (
    row, id, name, kind, family, format, root, file, bytes, changed, identity, sha256, defaults,
    created
)
VALUES (
    1, '01K0000000000000000000M0D1', 'starter', 'checkpoint', 'sd1', 'diffusers', 'starter', '.',
    1000, 1760000000000, 'x', NULL, '{}', 1760000000000
);

INSERT INTO tokens (row, id, hash, name, scopes, created)
VALUES (1, 'abcdefgh', '00', 'bot', '["generate"]', 1760000000000);

INSERT INTO idempotency (owner, key, body, batch, created)
VALUES ('bot', 'once', '00', 2, 1760000000002);

INSERT INTO settings (name, value) VALUES ('paused', '"asked"');

INSERT INTO events (seq, at, topic, owner, job, text)
VALUES
    (1, 1760000000001, 'jobs', 'local', '01K0000000000000000000J0B1', CAST('{"seq":1}' AS BLOB)),
    (2, 1760000000005, 'gallery', 'local', '01K0000000000000000000J0B1', CAST('{"seq":2}' AS BLOB));

UPDATE counters SET value = 1 WHERE name IN ('jobs.queued', 'jobs.succeeded', 'jobs.failed');
UPDATE counters SET value = 4096 WHERE name = 'cost.queued';
""",
}
ROWS[2] = ROWS[3] = ROWS[1]  # these migrations made no table that holds rows of its own
ROWS[4] = (
    ROWS[3]
    + """
INSERT INTO workflows (
    row, id, owner, name, description, version, graph, inputs, outputs, layout, tags, created,
    changed
)
VALUES (
    1, '01K0000000000000000000WRK1', 'local', 'Füchse', '', 3, '{"nodes":[],"format":1}', '[]',
    '[]', '{}', '["fox"]', 1760000000010, 1760000000011
);
"""
)
ROWS[5] = (
    ROWS[4]
    + """
INSERT INTO presets (
    row, id, owner, name, prompt, negative_prompt, settings, created, changed
)
VALUES (
    1, '01K0000000000000000000PRE1', 'local', 'Öl', 'oil painting of {prompt}', 'blurry', '{}',
    1760000000012, 1760000000013
);
"""
)
ROWS[6] = ROWS[5]
ROWS[7] = (
    ROWS[6]
    + """
INSERT INTO models (
    row, id, name, kind, family, format, root, file, bytes, changed, identity, sha256, defaults,
    created, variant, edition, trigger_words, metadata, licence, link, cover, missing, stamp, inode
)
VALUES (
    2, '01K0000000000000000000M0D2', 'Fuchs', 'text_encoder', 'unknown', 'single',
    '/srv/models', 'clip/fox.safetensors', 2000, 1760000000000, 'stat:1', NULL, '{}',
    1760000000014, 'fp16', 'clip-l', '["fox"]', '{"rank":16}', 'mit', 'https://example.com',
    '01K00000000000000000001MG1', 1, '1:1', '1:2'
);

INSERT INTO model_roots (row, id, path, created)
VALUES (1, '01K0000000000000000000R0T1', '/srv/models', 1760000000015);
"""
)
ROWS[8] = (
    ROWS[7]
    + """
UPDATE jobs SET result = '{"model":"01K0000000000000000000M0D2"}' WHERE row = 1;
"""
)
ROWS[9] = (
    ROWS[8]
    + """
INSERT INTO installs (
    row, id, owner, source, address, status, in_place, files, bytes, total, created, started
)
VALUES (
    1, '01K0000000000000000000NST1', 'local', 'hf:ann/fox', 'hf:ann/fox', 'paused', 0, '[]', 12,
    99, 1760000000016, 1760000000017
);
"""
)
ROWS[10] = (
    ROWS[9]
    + """
INSERT INTO datasets (row, id, owner, name, key, body, created)
VALUES (1, '01K0000000000000000000DAT1', 'local', 'Füchse', 'once', '00', 1760000000018);

INSERT INTO dataset_pictures (
    row, id, dataset, file, width, height, bytes, sha256, thumbnail, pixels, likeness, transparent,
    caption, held_out, notes, created
)
VALUES (
    1, '01K0000000000000000000P1C1', 1, 'fuchs.png', 64, 48, 90,
    'ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100',
    '1122334455667788112233445566778811223344556677881122334455667788',
    '99887766554433221100998877665544332211009988776655443322110099aa', -9, 0, 'ein Fuchs', 1, '[]',
    1760000000019
);

INSERT INTO dataset_quarantine (row, id, dataset, file, code, params, created)
VALUES (1, '01K0000000000000000000QAR1', 1, '.DS_Store', 'picture_format', '{}', 1760000000020);
"""
)
ROWS[11] = (
    ROWS[10]
    + """
INSERT INTO batches (
    row, id, kind, owner, client, request_id, exact, graph, recipe, axes, count, queued, created
)
VALUES (
    3, '01K0000000000000000000BAT3', 'training', 'local', 1, '', 0, '{"format":1,"nodes":[]}',
    NULL, '[]', 1, 1, 1760000000021
);

INSERT INTO jobs (
    row, id, batch, client, owner, kind, status, cell, priority, place, cost, created
)
VALUES (
    4, '01K0000000000000000000J0B4', 3, 1, 'local', 'training', 'queued', '[]', 0, 4, 9,
    1760000000021
);

UPDATE counters SET value = value + 1 WHERE name = 'jobs.queued';
UPDATE counters SET value = value + 9 WHERE name = 'cost.queued';
UPDATE clients SET queued = queued + 1, cost = cost + 9 WHERE row = 1;

INSERT INTO trainings (
    row, id, owner, name, status, wish, job, base_model, subjects, method, recipe, plan, step,
    steps, loss, warnings, created
)
VALUES (
    1, '01K0000000000000000000TRA1', 'local', 'Fuchs', 'queued', 'paused',
    '01K0000000000000000000J0B4', '01K0000000000000000000M0D1',
    '[{"dataset":"01K0000000000000000000DAT1","token":"sks","class_word":"fox"}]', 'lora', '{}',
    NULL, 7, 20, 0.5, '[{"code":"token_rifle"}]', 1760000000021
);

INSERT INTO training_jobs (job, training, start) VALUES ('01K0000000000000000000J0B4', 1, NULL);

INSERT INTO training_datasets (training, dataset) VALUES (1, '01K0000000000000000000DAT1');

INSERT INTO training_pictures (training, subject, place, sha256, caption, held_out)
VALUES (
    1, 0, 0, 'ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100', 'ein Fuchs', 0
);

INSERT INTO training_losses (
    training, step, loss, loss_instance, lr, seconds, memory, groups
)
VALUES (1, 7, 0.5, 0.5, 0.0001, 0.25, 9, NULL);

INSERT INTO training_samples (row, training, step, image, prompt, seed, role)
VALUES (1, 1, 5, '01K00000000000000000001MG1', 'a photo of sks fox', 42, 'subject');

INSERT INTO training_checkpoints (row, id, training, step, kind, name, bytes, best, created)
VALUES (
    1, '01K0000000000000000000CHK1', 1, 5, 'checkpoint', 'step-000005', 99, 0, 1760000000022
);

UPDATE models SET class_word = 'fox' WHERE row = 2;
"""
)
ROWS[12] = (
    ROWS[11]
    + """
UPDATE batches SET webhook = '{"url":"https://bot.lan/told"}' WHERE row = 1;

INSERT INTO deliveries (
    row, id, owner, batch, event, about, url, host, fact, status, attempts, due, created
)
VALUES (
    1, '01K0000000000000000000DEL1', 'local', 1, 'batch.ended', '01K0000000000000000000BAT1',
    'https://bot.lan/told', 'bot.lan:443', X'7B7D', 'waiting', 1, 1760000000099, 1760000000022
);
"""
)
ROWS[13] = (
    ROWS[12]
    + """
UPDATE images SET made = 1700000000000, external = X'2F6F6C642F66F6782E706E67' WHERE row = 2;

INSERT INTO imports (
    row, id, owner, folder, mode, recursive, by_folder, status, found, added, reasons, created,
    started, ended
)
VALUES (
    1, '01K0000000000000000000MPR1', 'local', '/old', 'reference', 1, 0, 'succeeded', 2, 1,
    '{"link":1}', 1760000000023, 1760000000024, 1760000000025
);

INSERT INTO imported (row, owner, path, bytes, changed, sha256, image, import)
SELECT 1, owner, X'2F6F6C642F66F6782E706E67', 90, 1700000000000000000, sha256, id,
    '01K0000000000000000000MPR1'
FROM images
WHERE row = 2;
"""
)
ROWS[14] = (
    ROWS[13]
    + """
INSERT INTO images (
    row, id, kind, owner, width, height, bytes, sha256, blob, created, intermediate
)
VALUES (
    3, '01K00000000000000000001MG3', 'mask', 'local', 64, 64, 80,
    '0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef', 1, 1760000000026, 1
);
"""
)
ROWS[15] = (
    ROWS[14]
    + """
UPDATE jobs SET cached = '["text","start"]' WHERE row = 1;
"""
)


def released(version: int, layout: Layout) -> Path:
    """Make a data directory whose database has the schema of a version, with data in it."""
    folder = layout.root / f"migrations-{version}"
    folder.mkdir()
    for path in sorted(shipped("migrations").glob("*.sql"))[:version]:
        shutil.copy(path, folder / path.name)
    migrate.prepare(layout.database, backups=layout.backups, migrations=folder)
    shutil.rmtree(folder)
    with closing(sqlite3.connect(layout.database)) as connection:
        connection.executescript(ROWS.get(version, ""))
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
    return layout.database


def schema(path: Path) -> list[tuple[str, ...]]:
    """Read everything that a schema is made of."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(
            "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name"
        ).fetchall()


def content(path: Path) -> dict[str, list[dict[str, object]]]:
    """Read every row of every table of ours, as column → value."""
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        tables = [
            name for (name,) in connection.execute(
                "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'"
                " AND name NOT LIKE 'sqlite_%' AND name NOT IN ('applied')"
            )
        ]  # fmt: skip
        return {
            name: [dict(row) for row in connection.execute(f"SELECT * FROM {name}")]
            for name in tables
        }
