-- What the console's lists, searches and counts go by, so that none of them costs more where a workspace has more people. Each index holds only the
-- few whom its own condition chooses: whoever a directory adds as an active user is in none of them.
-- +goose Up
CREATE INDEX people_guests ON people (workspace_id, role, created_at, id) WHERE role = 'guest' AND deleted_at IS NULL;
CREATE INDEX people_local ON people (workspace_id, source, created_at, id) WHERE source = 'local' AND deleted_at IS NULL;
CREATE INDEX people_inactive ON people (workspace_id, active, created_at, id, source) WHERE active = false AND deleted_at IS NULL;
CREATE INDEX people_gone_name ON people (workspace_id, name_key, id) WHERE deleted_at IS NOT NULL AND forgotten_at IS NULL;
CREATE INDEX people_gone_email ON people (workspace_id, email_key, id) WHERE deleted_at IS NOT NULL AND forgotten_at IS NULL;

-- +goose Down
DROP INDEX people_gone_email;
DROP INDEX people_gone_name;
DROP INDEX people_inactive;
DROP INDEX people_local;
DROP INDEX people_guests;
