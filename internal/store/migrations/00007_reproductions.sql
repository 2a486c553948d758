-- Builds that were made twice. A row stays when its build is forgotten: it says what is known of a recipe on a toolchain.

-- +goose Up

CREATE TABLE reproductions (
    key              TEXT    PRIMARY KEY,
    recipe           TEXT    NOT NULL,
    toolchain_digest TEXT    NOT NULL,
    same             INTEGER NOT NULL, -- 1: both builds gave the same bytes
    stands           INTEGER NOT NULL, -- 1: the same, or what differs was tolerated
    made             INTEGER NOT NULL,
    looked           INTEGER NOT NULL  -- when somebody first looked at what differs
);
CREATE INDEX reproductions_by_recipe ON reproductions (recipe, made DESC);

-- +goose Down

DROP TABLE reproductions;
