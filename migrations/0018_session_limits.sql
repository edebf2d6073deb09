-- +goose Up
-- How long sessions of a workspace last, where it is stricter than the service.
CREATE TABLE session_limits (
    workspace_id text NOT NULL PRIMARY KEY REFERENCES workspaces (id),
    idle_seconds bigint NOT NULL CHECK (idle_seconds > 0),
    life_seconds bigint NOT NULL CHECK (life_seconds > 0),
    changed_at   {{.Timestamp}} NOT NULL
);

-- Sessions that ended because their person lost access, so that an open page can say why.
CREATE TABLE session_ends (
    session_hash {{.Bytes}} NOT NULL,
    workspace_id text NOT NULL REFERENCES workspaces (id),
    ended_at     {{.Timestamp}} NOT NULL,
    PRIMARY KEY (session_hash, workspace_id)
);
CREATE INDEX session_ends_ended_at ON session_ends (ended_at);

-- What an identity provider wants to see again when somebody signs out there too.
CREATE TABLE sso_sessions (
    id           text NOT NULL PRIMARY KEY,
    workspace_id text NOT NULL REFERENCES workspaces (id),
    issuer       text NOT NULL,
    hint_sealed  {{.Bytes}} NOT NULL,
    expires_at   {{.Timestamp}} NOT NULL
);
CREATE INDEX sso_sessions_expires_at ON sso_sessions (expires_at);
ALTER TABLE sign_ins ADD COLUMN sso_session_id text NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE sign_ins DROP COLUMN sso_session_id;
DROP TABLE sso_sessions;
DROP TABLE session_ends;
DROP TABLE session_limits;
