-- +goose Up
-- Where the metadata of a SAML provider is read from again ('' where somebody gave it as a file), when that went well last, and what was
-- wrong since.
ALTER TABLE identity_providers ADD COLUMN metadata_url text NOT NULL DEFAULT '';
ALTER TABLE identity_providers ADD COLUMN metadata_read_at {{.Timestamp}};
ALTER TABLE identity_providers ADD COLUMN metadata_tried_at {{.Timestamp}};
ALTER TABLE identity_providers ADD COLUMN metadata_fault text NOT NULL DEFAULT '';

-- What a SAML provider said, between its form and the browser's own next request; '' for a request that waits for the provider.
ALTER TABLE sso_requests ADD COLUMN outcome text NOT NULL DEFAULT '';

-- The keys with which a workspace signs its requests: one that signs, and beside it the next one while the provider learns of it.
CREATE TABLE saml_keys (
    id           text NOT NULL PRIMARY KEY,
    workspace_id text NOT NULL REFERENCES workspaces (id),
    signs        {{.Bool}} NOT NULL,
    key_sealed   {{.Bytes}} NOT NULL,
    certificate  {{.Bytes}} NOT NULL,
    expires_at   {{.Timestamp}} NOT NULL,
    created_at   {{.Timestamp}} NOT NULL
);
CREATE UNIQUE INDEX saml_keys_one_each ON saml_keys (workspace_id, signs);

-- Assertions that were taken, until they have expired: each counts once.
CREATE TABLE saml_assertions (
    workspace_id text NOT NULL REFERENCES workspaces (id),
    hash         {{.Bytes}} NOT NULL,
    expires_at   {{.Timestamp}} NOT NULL,
    PRIMARY KEY (workspace_id, hash)
);
CREATE INDEX saml_assertions_expires_at ON saml_assertions (expires_at);

-- +goose Down
DROP TABLE saml_assertions;
DROP TABLE saml_keys;
DELETE FROM sso_requests;
ALTER TABLE sso_requests DROP COLUMN outcome;
DELETE FROM identity_providers WHERE kind = 'saml';
ALTER TABLE identity_providers DROP COLUMN metadata_fault;
ALTER TABLE identity_providers DROP COLUMN metadata_tried_at;
ALTER TABLE identity_providers DROP COLUMN metadata_read_at;
ALTER TABLE identity_providers DROP COLUMN metadata_url;
