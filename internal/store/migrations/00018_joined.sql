-- +goose Up

ALTER TABLE run_actions ADD COLUMN build TEXT NOT NULL DEFAULT ''; -- the workflow that builds it, once one was asked for
ALTER TABLE run_actions ADD COLUMN joined INTEGER NOT NULL DEFAULT 0; -- another run has started that

-- +goose Down

ALTER TABLE run_actions DROP COLUMN joined;
ALTER TABLE run_actions DROP COLUMN build;
