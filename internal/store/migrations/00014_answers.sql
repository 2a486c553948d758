-- What an index has answered about newer releases, so that nobody asks twice for the same.

-- +goose Up

CREATE TABLE upstream_answers (
    schedule TEXT    NOT NULL,
    recipe   TEXT    NOT NULL,
    about    TEXT    NOT NULL, -- digest of all that the answer was made of beside the index's page
    etag     TEXT    NOT NULL, -- of that page
    version  TEXT    NOT NULL, -- of the newer release; empty for none
    meta     TEXT    NOT NULL, -- the recipe's meta.yaml for it
    problem  TEXT    NOT NULL, -- why there is no answer
    asked    INTEGER NOT NULL,
    PRIMARY KEY (schedule, recipe)
) WITHOUT ROWID;

-- +goose Down

DROP TABLE upstream_answers;
