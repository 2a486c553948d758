-- Runs of which no more is kept than that there was one, and how it ended.

-- +goose Up

ALTER TABLE runs ADD COLUMN forgotten INTEGER NOT NULL DEFAULT 0; -- when that happened; 0: all of it is there

-- +goose Down

ALTER TABLE runs DROP COLUMN forgotten;
