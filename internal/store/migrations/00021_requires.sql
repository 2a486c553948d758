-- +goose Up

ALTER TABLE publications ADD COLUMN requires TEXT NOT NULL DEFAULT ''; -- JSON: what the file wants of a runtime; empty where nobody has read it

-- +goose Down

ALTER TABLE publications DROP COLUMN requires;
