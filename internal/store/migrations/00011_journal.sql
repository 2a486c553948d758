-- +goose Up

CREATE TABLE journal (
    id      TEXT    PRIMARY KEY,
    at      INTEGER NOT NULL,
    token   TEXT    NOT NULL,
    who     TEXT    NOT NULL,
    role    TEXT    NOT NULL,
    action  TEXT    NOT NULL,
    subject TEXT    NOT NULL,
    outcome TEXT    NOT NULL
);

CREATE INDEX journal_by_time ON journal (at);

-- +goose Down

DROP TABLE journal;
