"""The tables of the records, and how those of older versions become those of this one.

Times are seconds since the epoch, latencies seconds, costs dollars.  A *position* numbers events
of all kinds together, in the order in which they were recorded, across the whole database.
"""

import re

from flaky_load_balancer.core.events import (
    Attempt,
    Changed,
    Delivery,
    Event,
    Preferred,
    Rewarded,
)

MIGRATIONS = [
    # To version 1, from nothing.
    """
CREATE TABLE writers (          -- processes that record; gone ones leave interrupted runs
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    seen REAL NOT NULL          -- renewed every few seconds
) STRICT;
CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
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
    servers TEXT NOT NULL,      -- JSON: names, in the order of the indices in attempts
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
""",
    # To version 2: reasons, costs, rewards, features; sessions with names; changes of state.
    """
ALTER TABLE writers ADD COLUMN batches INTEGER NOT NULL DEFAULT 0;  -- of events that it wrote
ALTER TABLE attempts ADD COLUMN reason TEXT;            -- why it failed, one word
ALTER TABLE attempts ADD COLUMN status INTEGER;         -- HTTP, of the answer
ALTER TABLE attempts ADD COLUMN hedge INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attempts ADD COLUMN probability REAL;       -- of choosing this server
ALTER TABLE attempts ADD COLUMN cost REAL;
ALTER TABLE attempts ADD COLUMN size REAL;              -- tokens or bytes
ALTER TABLE attempts ADD COLUMN first_byte REAL;        -- seconds
ALTER TABLE requests ADD COLUMN code INTEGER;           -- HTTP, that the client got
ALTER TABLE requests ADD COLUMN cost REAL;
ALTER TABLE requests ADD COLUMN features TEXT;          -- JSON
CREATE TABLE rewards (
    run INTEGER NOT NULL,
    position INTEGER NOT NULL,
    request INTEGER NOT NULL,
    server INTEGER NOT NULL,
    time REAL NOT NULL,
    value REAL NOT NULL,        -- 0 to 1
    previous REAL,              -- the value that this one corrects
    PRIMARY KEY (run, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE changes (          -- from a time on a server, or the whole route, is in another state
    run INTEGER NOT NULL,
    position INTEGER NOT NULL,
    time REAL NOT NULL,
    state TEXT NOT NULL,
    server INTEGER,
    reason TEXT,
    PRIMARY KEY (run, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE named_sessions (   -- any kind of session may be kept, and has a name
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    writer INTEGER NOT NULL,
    started REAL NOT NULL,
    ended REAL,
    seed INTEGER,
    rate REAL,
    settings TEXT NOT NULL,     -- JSON
    result TEXT,                -- JSON
    name TEXT,
    note TEXT,
    tags TEXT NOT NULL DEFAULT '[]',    -- JSON
    pinned INTEGER NOT NULL DEFAULT 0,  -- never deleted to save space
    valid INTEGER,              -- 0 where the machine did not keep up
    why TEXT,                   -- JSON: what it did not keep up with
    late_ms TEXT                -- JSON: how late requests were sent
) STRICT;
INSERT INTO named_sessions (id, kind, writer, started, ended, seed, rate, settings, result)
    SELECT id, kind, writer, started, ended, seed, rate, settings, result FROM sessions;
DROP TABLE sessions;
ALTER TABLE named_sessions RENAME TO sessions;
ALTER TABLE runs ADD COLUMN pieces TEXT;                -- JSON: the truth as a function of time
ALTER TABLE runs ADD COLUMN faults TEXT;                -- JSON: stretches of trouble, as bands
UPDATE runs SET numbers = NULL, folded = NULL;          -- there are more of them now
""",
    # To version 3: which answer was whose, so that it can be rated later.
    """
ALTER TABLE requests ADD COLUMN answer TEXT;            -- the id that the server gave it
ALTER TABLE requests ADD COLUMN server INTEGER;         -- that delivered it
CREATE INDEX requests_by_answer ON requests (answer) WHERE answer IS NOT NULL;
CREATE INDEX rewards_by_request ON rewards (run, request);
""",
    # To version 4: tokens of answers.
    """
ALTER TABLE attempts ADD COLUMN output REAL;            -- tokens of the answer
ALTER TABLE attempts ADD COLUMN estimated INTEGER NOT NULL DEFAULT 0;
""",
    # To version 5: which of two answers was better.
    """
CREATE TABLE preferences (
    run INTEGER NOT NULL,
    position INTEGER NOT NULL,
    request INTEGER NOT NULL,   -- of the better answer
    server INTEGER NOT NULL,
    time REAL NOT NULL,
    other_run INTEGER NOT NULL,
    other_request INTEGER NOT NULL,
    other_server INTEGER NOT NULL,
    PRIMARY KEY (run, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX preferences_by_request ON preferences (run, request);
""",
    # To version 6: tasks of language models' requests.
    """
ALTER TABLE attempts ADD COLUMN task INTEGER;           -- that the features mark
ALTER TABLE rewards ADD COLUMN task INTEGER;
""",
]

VERSION = len(MIGRATIONS)

# Where each kind of event goes, into columns with the names of its fields.
EVENTS: dict[type[Event], str] = {
    Attempt: "attempts",
    Delivery: "requests",
    Rewarded: "rewards",
    Preferred: "preferences",
    Changed: "changes",
}


def statements(version: int) -> list[str]:
    """What makes tables of this version of those of an older one, or of none (0)."""
    text = re.sub(r"--.*", "", "".join(MIGRATIONS[version:]))
    return [statement for statement in text.split(";") if statement.strip()]
