-- The kind of error (package fault) where the machinery failed, not a recipe.

-- +goose Up

ALTER TABLE runs ADD COLUMN fault TEXT NOT NULL DEFAULT '';
ALTER TABLE run_actions ADD COLUMN fault TEXT NOT NULL DEFAULT '';

-- +goose Down

ALTER TABLE run_actions DROP COLUMN fault;
ALTER TABLE runs DROP COLUMN fault;
