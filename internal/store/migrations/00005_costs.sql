-- What builds have taken, from their records: where the next ones are built, and in which order.

-- +goose Up

ALTER TABLE builds ADD COLUMN seconds REAL NOT NULL DEFAULT 0;
ALTER TABLE builds ADD COLUMN peak INTEGER NOT NULL DEFAULT 0;  -- bytes of memory
ALTER TABLE builds ADD COLUMN class TEXT NOT NULL DEFAULT '';   -- in which it was built
ALTER TABLE builds ADD COLUMN outgrew TEXT NOT NULL DEFAULT ''; -- the largest class in which it ran out of memory
ALTER TABLE run_actions ADD COLUMN class TEXT NOT NULL DEFAULT '';
ALTER TABLE run_actions ADD COLUMN expected REAL NOT NULL DEFAULT 0; -- seconds that it was taken to need

-- +goose Down

ALTER TABLE run_actions DROP COLUMN expected;
ALTER TABLE run_actions DROP COLUMN class;
ALTER TABLE builds DROP COLUMN outgrew;
ALTER TABLE builds DROP COLUMN class;
ALTER TABLE builds DROP COLUMN peak;
ALTER TABLE builds DROP COLUMN seconds;
