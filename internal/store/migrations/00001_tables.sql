-- Times are microseconds since 1970 in UTC, 0 where there is none yet. Columns that hold JSON are text.

-- +goose Up

CREATE TABLE runs (
    id       TEXT    PRIMARY KEY,
    lane     TEXT    NOT NULL,
    workflow TEXT    NOT NULL, -- the id of the workflow that carries it out
    request  TEXT    NOT NULL, -- JSON, the caller's own
    plan     TEXT    NOT NULL, -- JSON, plan.Plan; empty before it was planned
    outcome  TEXT    NOT NULL, -- empty while the run goes on
    error    TEXT    NOT NULL, -- why the run itself, not one of its builds, failed
    created  INTEGER NOT NULL,
    started  INTEGER NOT NULL,
    finished INTEGER NOT NULL
);
CREATE INDEX runs_by_time ON runs (created DESC, id);
CREATE INDEX runs_open ON runs (id) WHERE finished = 0;

CREATE TABLE run_actions (
    run      TEXT    NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    recipe   TEXT    NOT NULL,
    position INTEGER NOT NULL, -- in the order of the plan
    version  TEXT    NOT NULL,
    action   TEXT    NOT NULL,
    reason   TEXT    NOT NULL,
    needs    TEXT    NOT NULL, -- JSON, a list of recipes
    key      TEXT    NOT NULL,
    status   TEXT    NOT NULL,
    cause    TEXT    NOT NULL,
    phase    TEXT    NOT NULL,
    attempt  INTEGER NOT NULL,
    worker   TEXT    NOT NULL,
    seconds  REAL    NOT NULL,
    started  INTEGER NOT NULL,
    ended    INTEGER NOT NULL,
    PRIMARY KEY (run, recipe)
) WITHOUT ROWID;
CREATE INDEX run_actions_by_recipe ON run_actions (recipe, run);

CREATE TABLE builds (
    key              TEXT    PRIMARY KEY,
    recipe           TEXT    NOT NULL,
    version          TEXT    NOT NULL,
    toolchain        TEXT    NOT NULL,
    toolchain_digest TEXT    NOT NULL,
    outcome          TEXT    NOT NULL,
    failure_kind     TEXT    NOT NULL,
    failure_message  TEXT    NOT NULL,
    artifact         TEXT    NOT NULL, -- file name; of the first one where there are several
    digest           TEXT    NOT NULL,
    size             INTEGER NOT NULL,
    output           TEXT    NOT NULL, -- plan.Output
    tests_passed     INTEGER NOT NULL,
    tests_failed     INTEGER NOT NULL,
    tests_skipped    INTEGER NOT NULL,
    inputs           TEXT    NOT NULL, -- JSON, plan.Inputs
    record           TEXT    NOT NULL, -- JSON, record.Build
    finished         INTEGER NOT NULL,
    used             INTEGER NOT NULL  -- when it was last built or reused
);
CREATE INDEX builds_by_recipe ON builds (recipe, toolchain, used DESC, key);

CREATE TABLE locks (
    key     TEXT    PRIMARY KEY, -- plan.LockKey
    digest  TEXT    NOT NULL,
    content TEXT    NOT NULL,    -- JSON, fetch.Lock
    created INTEGER NOT NULL
);

CREATE TABLE publications (
    toolchain       TEXT    NOT NULL,
    filename        TEXT    NOT NULL,
    project         TEXT    NOT NULL, -- normalised as in PEP 503
    name            TEXT    NOT NULL,
    version         TEXT    NOT NULL,
    digest          TEXT    NOT NULL,
    size            INTEGER NOT NULL,
    metadata        TEXT    NOT NULL, -- digest of METADATA
    requires_python TEXT    NOT NULL,
    imports         TEXT    NOT NULL, -- JSON, a list
    depends         TEXT    NOT NULL, -- JSON, a list
    key             TEXT    NOT NULL,
    run             TEXT    NOT NULL,
    published       INTEGER NOT NULL,
    PRIMARY KEY (toolchain, filename)
) WITHOUT ROWID;
CREATE INDEX publications_by_project ON publications (toolchain, project);

CREATE TABLE generations (
    toolchain  TEXT    PRIMARY KEY,
    generation INTEGER NOT NULL -- counts the changes of what is published
) WITHOUT ROWID;

CREATE TABLE attempts (
    id        TEXT    PRIMARY KEY,
    key       TEXT    NOT NULL, -- empty for an attempt that ended before its key was known
    recipe    TEXT    NOT NULL,
    run       TEXT    NOT NULL,
    worker    TEXT    NOT NULL,
    number    INTEGER NOT NULL,
    outcome   TEXT    NOT NULL,
    log_path  TEXT    NOT NULL, -- while it runs, below the orchestrator's folder
    log       TEXT    NOT NULL, -- digest, once it has ended
    log_size  INTEGER NOT NULL,
    started   INTEGER NOT NULL,
    heartbeat INTEGER NOT NULL,
    ended     INTEGER NOT NULL
);
CREATE INDEX attempts_by_recipe ON attempts (recipe, started DESC);
CREATE INDEX attempts_by_key ON attempts (key, started DESC);

CREATE TABLE workers (
    name       TEXT    PRIMARY KEY,
    classes    TEXT    NOT NULL, -- JSON, a list
    slots      INTEGER NOT NULL,
    version    TEXT    NOT NULL,
    first_seen INTEGER NOT NULL,
    last_seen  INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- +goose Down
DROP TABLE settings;
DROP TABLE workers;
DROP TABLE attempts;
DROP TABLE generations;
DROP TABLE publications;
DROP TABLE locks;
DROP TABLE builds;
DROP TABLE run_actions;
DROP TABLE runs;
