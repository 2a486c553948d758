-- +goose Up

CREATE INDEX locks_by_digest ON locks (digest, key);

-- +goose Down

DROP INDEX locks_by_digest;
