-- Runs that are paused or limited, and releases that were tried.

-- +goose Up

ALTER TABLE runs ADD COLUMN paused INTEGER NOT NULL DEFAULT 0; -- since when; 0: it goes on
ALTER TABLE runs ADD COLUMN paused_by TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN paused_reason TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN build_limit INTEGER NOT NULL DEFAULT 0; -- builds at a time; 0: no limit

CREATE TABLE releases (
    schedule TEXT    NOT NULL,
    recipe   TEXT    NOT NULL,
    version  TEXT    NOT NULL, -- of the release
    replaced TEXT    NOT NULL, -- the version that the recipe names
    run      TEXT    NOT NULL, -- in which it is tried; empty where it could not be
    problem  TEXT    NOT NULL, -- why it could not be tried
    meta     TEXT    NOT NULL, -- digest of the recipe's new meta.yaml, a blob
    found    INTEGER NOT NULL,
    PRIMARY KEY (schedule, recipe, version)
) WITHOUT ROWID;

-- +goose Down

DROP TABLE releases;
ALTER TABLE runs DROP COLUMN build_limit;
ALTER TABLE runs DROP COLUMN paused_reason;
ALTER TABLE runs DROP COLUMN paused_by;
ALTER TABLE runs DROP COLUMN paused;
