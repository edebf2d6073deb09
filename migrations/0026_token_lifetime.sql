-- +goose Up
-- How many days a new SCIM token lives at most; 0 is no limit.
ALTER TABLE workspaces ADD COLUMN max_token_days integer NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE workspaces DROP COLUMN max_token_days;
