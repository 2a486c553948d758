-- +goose Up

ALTER TABLE publications ADD COLUMN kind TEXT NOT NULL DEFAULT 'wheel'; -- record.Kind…

-- +goose Down

ALTER TABLE publications DROP COLUMN kind;
