"""The tables of the records.

Times are seconds since the epoch, latencies seconds.  A *position* numbers attempts and
deliveries together, in the order in which they were recorded, across the whole database.
"""

VERSION = 1  # of these tables

TABLES = """
CREATE TABLE writers (          -- processes that record; gone ones leave interrupted runs
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    seen REAL NOT NULL          -- renewed every few seconds
) STRICT;
CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('harness', 'serve', 'compare')),
    writer INTEGER NOT NULL,
    started REAL NOT NULL,
    ended REAL,
    seed INTEGER,
    rate REAL,
    settings TEXT NOT NULL,     -- JSON
    result TEXT                 -- JSON
) STRICT;
CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    session TEXT NOT NULL,
    writer INTEGER NOT NULL,
    route TEXT NOT NULL,
    path TEXT NOT NULL,
    strategy TEXT NOT NULL,
    scenario TEXT,
    servers TEXT NOT NULL,      -- JSON: URLs, in the order of the indices in attempts
    rules TEXT NOT NULL,        -- JSON
    truth TEXT,                 -- JSON: true success probabilities, where they are known
    bound TEXT,                 -- JSON: [[requests, score], ...]
    seed INTEGER,
    rate REAL,
    started REAL NOT NULL,
    ended REAL,
    client TEXT,                -- JSON: what the client measured; goes before our own numbers
    kept_from REAL,             -- everything older was deleted to save space
    numbers TEXT,               -- JSON: a cache of the fold of this run's events ...
    folded INTEGER              -- ... up to this position
) STRICT;
CREATE INDEX runs_of_session ON runs (session);
CREATE TABLE attempts (
    run INTEGER NOT NULL,
    position INTEGER NOT NULL,
    request INTEGER NOT NULL,
    number INTEGER NOT NULL,
    server INTEGER NOT NULL,
    outcome INTEGER NOT NULL,   -- 0 succeeded, 1 failed, 2 rate-limited, 3 cancelled
    sent REAL NOT NULL,
    latency REAL NOT NULL,
    PRIMARY KEY (run, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE requests (
    run INTEGER NOT NULL,
    position INTEGER NOT NULL,
    request INTEGER NOT NULL,
    id TEXT NOT NULL,
    arrived REAL NOT NULL,
    ended REAL NOT NULL,
    ending TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    possibly_twice INTEGER NOT NULL,
    PRIMARY KEY (run, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX requests_by_number ON requests (run, request);
CREATE TABLE frames (
    run INTEGER NOT NULL,
    time REAL NOT NULL,
    frame TEXT NOT NULL         -- JSON
) STRICT;
CREATE INDEX frames_of_run ON frames (run, time);
CREATE TABLE positions (next INTEGER NOT NULL) STRICT;
INSERT INTO positions VALUES (1);
"""
