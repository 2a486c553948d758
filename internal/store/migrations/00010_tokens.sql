-- +goose Up

CREATE TABLE tokens (
    id      TEXT    PRIMARY KEY,
    name    TEXT    NOT NULL,
    role    TEXT    NOT NULL,
    hash    TEXT    NOT NULL, -- sha256 of the secret
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL, -- 0: never
    revoked INTEGER NOT NULL, -- 0: not
    used    INTEGER NOT NULL  -- 0: never
);

-- +goose Down

DROP TABLE tokens;
