-- +goose Up

CREATE TABLE quarantines (
    recipe    TEXT    PRIMARY KEY,
    reason    TEXT    NOT NULL,
    owner     TEXT    NOT NULL,
    automatic INTEGER NOT NULL, -- 1 where the farm found it, 0 where a person did
    since     INTEGER NOT NULL,
    until     INTEGER NOT NULL  -- of one that was lifted: when
);

-- +goose Down

DROP TABLE quarantines;
