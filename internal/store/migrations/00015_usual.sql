-- +goose Up

-- What a build usually takes is read for each plan; the rows themselves hold records of many pages.
CREATE INDEX builds_by_time ON builds (finished DESC, seconds) WHERE seconds > 0;

-- +goose Down

DROP INDEX builds_by_time;
