-- +goose Up
-- The processes that run, and which keys of the keyset each can open with: a key seals only when all of them have it.
CREATE TABLE replicas (
    id         text NOT NULL PRIMARY KEY,
    host       text NOT NULL,
    keys       text NOT NULL,
    started_at {{.Timestamp}} NOT NULL,
    seen_at    {{.Timestamp}} NOT NULL
);

-- +goose Down
DROP TABLE replicas;
