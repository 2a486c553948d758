-- +goose Up

CREATE TABLE pins (
    name    TEXT    PRIMARY KEY, -- the key of a build, or a recipe for all of its builds
    created INTEGER NOT NULL
) WITHOUT ROWID;

-- +goose Down

DROP TABLE pins;
