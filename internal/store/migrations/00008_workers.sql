-- Whether a worker takes builds, as it said last, and what the farm wants of it.

-- +goose Up

ALTER TABLE workers ADD COLUMN state TEXT NOT NULL DEFAULT '';
ALTER TABLE workers ADD COLUMN reason TEXT NOT NULL DEFAULT '';
ALTER TABLE workers ADD COLUMN actor TEXT NOT NULL DEFAULT ''; -- who or what brought it into this state
ALTER TABLE workers ADD COLUMN since BIGINT NOT NULL DEFAULT 0;
ALTER TABLE workers ADD COLUMN heard BIGINT NOT NULL DEFAULT 0; -- the time of the order that it follows
ALTER TABLE workers ADD COLUMN order_rest INTEGER NOT NULL DEFAULT 0; -- 1: take nothing new
ALTER TABLE workers ADD COLUMN order_reason TEXT NOT NULL DEFAULT '';
ALTER TABLE workers ADD COLUMN order_actor TEXT NOT NULL DEFAULT '';
ALTER TABLE workers ADD COLUMN order_at BIGINT NOT NULL DEFAULT 0; -- 0: nothing was ever asked of it

-- +goose Down

ALTER TABLE workers DROP COLUMN order_at;
ALTER TABLE workers DROP COLUMN order_actor;
ALTER TABLE workers DROP COLUMN order_reason;
ALTER TABLE workers DROP COLUMN order_rest;
ALTER TABLE workers DROP COLUMN heard;
ALTER TABLE workers DROP COLUMN since;
ALTER TABLE workers DROP COLUMN actor;
ALTER TABLE workers DROP COLUMN reason;
ALTER TABLE workers DROP COLUMN state;
