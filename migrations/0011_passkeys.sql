-- +goose Up
-- A person's passkeys. credential is the WebAuthn credential record without anything secret: the private key never leaves the authenticator.
CREATE TABLE passkeys (
    id            text NOT NULL PRIMARY KEY,
    workspace_id  text NOT NULL REFERENCES workspaces (id),
    person_id     text NOT NULL REFERENCES people (id),
    rp_id         text NOT NULL,
    credential_id {{.Bytes}} NOT NULL,
    credential    {{.JSON}} NOT NULL,
    name          text NOT NULL,
    created_at    {{.Timestamp}} NOT NULL,
    last_used_at  {{.Timestamp}}
);
CREATE UNIQUE INDEX passkeys_credential ON passkeys (credential_id);
CREATE INDEX passkeys_person ON passkeys (person_id, created_at);

-- What the two halves of one WebAuthn exchange have to share. A row is deleted by whoever uses it, so that an answer counts once.
CREATE TABLE passkey_ceremonies (
    hash       {{.Bytes}} NOT NULL PRIMARY KEY,
    purpose    text NOT NULL CHECK (purpose IN ('add', 'sign_in', 'verify', 'confirm')),
    bound_to   {{.Bytes}} NOT NULL,
    person_id  text NOT NULL DEFAULT '',
    data       {{.Bytes}} NOT NULL,
    expires_at {{.Timestamp}} NOT NULL
);
CREATE INDEX passkey_ceremonies_expires_at ON passkey_ceremonies (expires_at);

-- How somebody signed in: password, passkey, oidc or saml.
ALTER TABLE sign_ins ADD COLUMN method text NOT NULL DEFAULT 'password';

-- +goose Down
ALTER TABLE sign_ins DROP COLUMN method;
DROP TABLE passkey_ceremonies;
DROP TABLE passkeys;
