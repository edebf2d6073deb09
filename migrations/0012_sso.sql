-- +goose Up
-- A workspace's own identity provider for signing in. What is not active is a draft that only its test uses.
CREATE TABLE identity_providers (
    workspace_id  text NOT NULL PRIMARY KEY REFERENCES workspaces (id),
    kind          text NOT NULL CHECK (kind IN ('oidc', 'saml')),
    preset        text NOT NULL CHECK (preset IN ('entra', 'okta', 'other')),
    name          text NOT NULL,
    issuer        text NOT NULL,
    client_id     text NOT NULL DEFAULT '',
    secret_sealed {{.Bytes}} NOT NULL,
    metadata      text NOT NULL DEFAULT '',
    claim         text NOT NULL,
    link_by       text NOT NULL CHECK (link_by IN ('user_name', 'external_id')),
    jit           {{.Bool}} NOT NULL DEFAULT false,
    active        {{.Bool}} NOT NULL DEFAULT false,
    enforced      {{.Bool}} NOT NULL DEFAULT false,
    version       bigint NOT NULL DEFAULT 1,
    last_test     {{.JSON}},
    created_at    {{.Timestamp}} NOT NULL,
    updated_at    {{.Timestamp}} NOT NULL,
    CHECK (active OR NOT enforced)
);

-- A sign-in that is under way at a provider. Whoever comes back takes the row, so that an answer counts once.
CREATE TABLE sso_requests (
    hash         {{.Bytes}} NOT NULL PRIMARY KEY,
    workspace_id text NOT NULL REFERENCES workspaces (id),
    version      bigint NOT NULL,
    browser      {{.Bytes}} NOT NULL,
    nonce        text NOT NULL,
    verifier     text NOT NULL,
    return_to    text NOT NULL,
    tested_by    text NOT NULL DEFAULT '',
    expires_at   {{.Timestamp}} NOT NULL
);
CREATE INDEX sso_requests_expires_at ON sso_requests (expires_at);

-- Who somebody is at a provider. Once made, a link holds through renamings; claim_value is what the provider said last.
CREATE TABLE sso_subjects (
    workspace_id text NOT NULL REFERENCES workspaces (id),
    issuer       text NOT NULL,
    subject      text NOT NULL,
    person_id    text NOT NULL REFERENCES people (id),
    claim_value  text NOT NULL DEFAULT '',
    created_at   {{.Timestamp}} NOT NULL,
    last_used_at {{.Timestamp}} NOT NULL,
    PRIMARY KEY (workspace_id, issuer, subject)
);
CREATE INDEX sso_subjects_person ON sso_subjects (person_id);

-- Domains that a workspace says are its own, and since when DNS has said so too.
CREATE TABLE sso_domains (
    workspace_id text NOT NULL REFERENCES workspaces (id),
    domain       text NOT NULL,
    record       text NOT NULL,
    verified_at  {{.Timestamp}},
    created_at   {{.Timestamp}} NOT NULL,
    PRIMARY KEY (workspace_id, domain)
);

-- Whoever was taken out is looked for when somebody unknown signs in.
CREATE INDEX people_gone_user_name ON people (workspace_id, user_name_key) WHERE deleted_at IS NOT NULL;
CREATE INDEX people_gone_external_id ON people (workspace_id, external_id) WHERE deleted_at IS NOT NULL;

-- +goose Down
DROP INDEX people_gone_external_id;
DROP INDEX people_gone_user_name;
DROP TABLE sso_domains;
DROP TABLE sso_subjects;
DROP TABLE sso_requests;
DROP TABLE identity_providers;
