-- +goose Up
-- What providers have taken from teams and from roles, by minute, for the guard against mass removals. As with scim_totals each connection to
-- Postgres counts in rows of its own (shard is its process id), so that changes of different teams never wait for each other here.
CREATE TABLE removal_counts (
    workspace_id text NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('members', 'roles')),
    minute       {{.Timestamp}} NOT NULL,
    shard        integer NOT NULL,
    n            bigint NOT NULL,
    PRIMARY KEY (workspace_id, kind, minute, shard)
);

-- A deleted person who cannot be brought back any more is forgotten: the row stays for what refers to it and holds nothing of the person.
ALTER TABLE people ADD COLUMN forgotten_at {{.Timestamp}};
CREATE INDEX people_to_forget ON people (deleted_at, id) WHERE deleted_at IS NOT NULL AND forgotten_at IS NULL;
CREATE INDEX teams_to_forget ON teams (deleted_at, id) WHERE deleted_at IS NOT NULL;
CREATE INDEX offboardings_ended ON offboardings (ended_at, id);
CREATE INDEX held_removals_decided ON held_removals (decided_at, id) WHERE decided_at IS NOT NULL;

-- +goose Down
DROP INDEX held_removals_decided;
DROP INDEX offboardings_ended;
DROP INDEX teams_to_forget;
DROP INDEX people_to_forget;
ALTER TABLE people DROP COLUMN forgotten_at;
DROP TABLE removal_counts;
