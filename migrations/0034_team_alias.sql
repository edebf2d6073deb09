-- +goose Up
-- The name by which people know a team here; the directory's own name stays beside it. The key is what is looked for.
ALTER TABLE teams ADD COLUMN alias text NOT NULL DEFAULT '';
ALTER TABLE teams ADD COLUMN alias_key {{.Key}} NOT NULL DEFAULT '';
CREATE INDEX teams_alias ON teams (workspace_id, alias_key) WHERE alias_key <> '' AND deleted_at IS NULL;

-- +goose Down
DROP INDEX teams_alias;
ALTER TABLE teams DROP COLUMN alias_key;
ALTER TABLE teams DROP COLUMN alias;
