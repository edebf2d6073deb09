-- +goose Up
-- The life of a SCIM token: why it was made, which one it took the place of, who was warned of its end, and from where it may be used.
ALTER TABLE scim_tokens ADD COLUMN reason text NOT NULL DEFAULT '';
ALTER TABLE scim_tokens ADD COLUMN note text NOT NULL DEFAULT '';
ALTER TABLE scim_tokens ADD COLUMN replaces text NOT NULL DEFAULT '';
ALTER TABLE scim_tokens ADD COLUMN replaced_at {{.Timestamp}};
ALTER TABLE scim_tokens ADD COLUMN exposed {{.Bool}} NOT NULL DEFAULT false;
ALTER TABLE scim_tokens ADD COLUMN ended_by text NOT NULL DEFAULT '';
ALTER TABLE scim_tokens ADD COLUMN warned_days integer;
ALTER TABLE scim_tokens ADD COLUMN overlap_warned_at {{.Timestamp}};
ALTER TABLE scim_tokens ADD COLUMN address_mode text NOT NULL DEFAULT 'off' CHECK (address_mode IN ('off', 'observe', 'enforce'));
ALTER TABLE scim_tokens ADD COLUMN addresses text NOT NULL DEFAULT '';
CREATE INDEX scim_tokens_expiring ON scim_tokens (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX scim_tokens_ending ON scim_tokens (valid_until) WHERE valid_until IS NOT NULL;

-- Each time that a token was handed out, and what the page then reported of it.
CREATE TABLE scim_token_views (
    id           text NOT NULL PRIMARY KEY,
    workspace_id text NOT NULL REFERENCES workspaces (id),
    token_id     text NOT NULL REFERENCES scim_tokens (id),
    kind         text NOT NULL CHECK (kind IN ('viewed', 'regenerated', 'printed')),
    person_id    text NOT NULL DEFAULT '',
    person_name  text NOT NULL DEFAULT '',
    device       text NOT NULL DEFAULT '',
    ip           text NOT NULL DEFAULT '',
    user_agent   text NOT NULL DEFAULT '',
    at           {{.Timestamp}} NOT NULL,
    shown        integer NOT NULL DEFAULT 0,
    hidden       integer NOT NULL DEFAULT 0,
    copied       integer NOT NULL DEFAULT 0,
    copied_at    {{.Timestamp}},
    closed_at    {{.Timestamp}}
);
CREATE INDEX scim_token_views_token ON scim_token_views (token_id, at);

-- From where a token was used, told once a minute at most.
CREATE TABLE scim_token_addresses (
    token_id   text NOT NULL REFERENCES scim_tokens (id),
    ip         text NOT NULL,
    client     text NOT NULL DEFAULT '',
    user_agent text NOT NULL DEFAULT '',
    first_at   {{.Timestamp}} NOT NULL,
    last_at    {{.Timestamp}} NOT NULL,
    refused_at {{.Timestamp}},
    PRIMARY KEY (token_id, ip)
);
CREATE INDEX scim_token_addresses_last_at ON scim_token_addresses (last_at);

-- +goose Down
DROP TABLE scim_token_addresses;
DROP TABLE scim_token_views;
DROP INDEX scim_tokens_ending;
DROP INDEX scim_tokens_expiring;
ALTER TABLE scim_tokens DROP COLUMN addresses;
ALTER TABLE scim_tokens DROP COLUMN address_mode;
ALTER TABLE scim_tokens DROP COLUMN overlap_warned_at;
ALTER TABLE scim_tokens DROP COLUMN warned_days;
ALTER TABLE scim_tokens DROP COLUMN ended_by;
ALTER TABLE scim_tokens DROP COLUMN exposed;
ALTER TABLE scim_tokens DROP COLUMN replaced_at;
ALTER TABLE scim_tokens DROP COLUMN replaces;
ALTER TABLE scim_tokens DROP COLUMN note;
ALTER TABLE scim_tokens DROP COLUMN reason;
