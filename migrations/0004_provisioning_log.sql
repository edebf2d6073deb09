-- +goose Up
-- The provisioning log: a row for each SCIM call. The id begins with the time, so the primary key is also the order. What the list reads comes
-- first, bodies last. Bodies are masked text; sealed is the request as sent, without passwords and tokens, and goes after 30 days.
CREATE TABLE provisioning_log (
    workspace_id text NOT NULL,
    id           {{.Key}} NOT NULL,
    at           {{.Timestamp}} NOT NULL,
    last_at      {{.Timestamp}} NOT NULL,
    times        integer NOT NULL DEFAULT 1,
    result       text NOT NULL CHECK (result IN ('ok', 'unchanged', 'failed', 'rejected', 'slowed')),
    operation    text NOT NULL,
    event        text NOT NULL DEFAULT '',
    status       integer NOT NULL,
    code         text NOT NULL DEFAULT '',
    sentence     text NOT NULL,
    subject_kind text NOT NULL DEFAULT '',
    subject_id   text NOT NULL DEFAULT '',
    subject_key  text NOT NULL DEFAULT '',
    subject_name text NOT NULL DEFAULT '',
    member_id    text NOT NULL DEFAULT '',
    token_id     text NOT NULL DEFAULT '',
    token_hint   text NOT NULL DEFAULT '',
    client       text NOT NULL DEFAULT '',
    client_basis text NOT NULL DEFAULT '',
    replayed_by  text NOT NULL DEFAULT '',
    replay_of    text NOT NULL DEFAULT '',
    bulk_id      text NOT NULL DEFAULT '',
    method       text NOT NULL,
    target       text NOT NULL,
    request_id   text NOT NULL DEFAULT '',
    ip           text NOT NULL DEFAULT '',
    user_agent   text NOT NULL DEFAULT '',
    took_us      bigint NOT NULL DEFAULT 0,
    added        bigint NOT NULL DEFAULT 0,
    removed      bigint NOT NULL DEFAULT 0,
    unknown      bigint NOT NULL DEFAULT 0,
    fold_key     text NOT NULL DEFAULT '',
    resolved_at  {{.Timestamp}},
    resolved_by  text NOT NULL DEFAULT '',
    search       text NOT NULL DEFAULT '',
    detail       text NOT NULL DEFAULT '',
    changes      text,
    request      text,
    response     text,
    sealed       {{.Bytes}},
    PRIMARY KEY (workspace_id, id)
);
CREATE INDEX provisioning_log_subject ON provisioning_log (workspace_id, subject_id, id) WHERE subject_id <> '';
CREATE INDEX provisioning_log_member ON provisioning_log (workspace_id, member_id, id) WHERE member_id <> '';
CREATE INDEX provisioning_log_bulk ON provisioning_log (workspace_id, bulk_id, id) WHERE bulk_id <> '';
-- One open row for failures that are the same; another one like it counts there.
CREATE UNIQUE INDEX provisioning_log_fold ON provisioning_log (workspace_id, fold_key) WHERE fold_key <> '' AND resolved_at IS NULL;
-- What has not come right yet, and all that was refused.
CREATE INDEX provisioning_log_open ON provisioning_log (workspace_id, subject_key) WHERE result IN ('failed', 'rejected', 'slowed') AND resolved_at IS NULL;
CREATE INDEX provisioning_log_refused ON provisioning_log (workspace_id, id) WHERE result IN ('failed', 'rejected', 'slowed');

-- Calls counted by minute and token, for health, cycles and the traffic of each token.
CREATE TABLE provisioning_minutes (
    workspace_id text NOT NULL,
    minute       {{.Timestamp}} NOT NULL,
    token_id     text NOT NULL,
    client       text NOT NULL DEFAULT '',
    calls        bigint NOT NULL DEFAULT 0,
    looked       bigint NOT NULL DEFAULT 0,
    created      bigint NOT NULL DEFAULT 0,
    updated      bigint NOT NULL DEFAULT 0,
    deactivated  bigint NOT NULL DEFAULT 0,
    deleted      bigint NOT NULL DEFAULT 0,
    teams        bigint NOT NULL DEFAULT 0,
    unchanged    bigint NOT NULL DEFAULT 0,
    failed       bigint NOT NULL DEFAULT 0,
    rejected     bigint NOT NULL DEFAULT 0,
    slowed       bigint NOT NULL DEFAULT 0,
    first_at     {{.Timestamp}} NOT NULL,
    last_at      {{.Timestamp}} NOT NULL,
    PRIMARY KEY (workspace_id, minute, token_id)
);

-- When this service ran: what it did not hear while it did not says nothing about a provider.
CREATE TABLE provisioning_awake (
    since  {{.Timestamp}} NOT NULL PRIMARY KEY,
    until  {{.Timestamp}} NOT NULL
);
CREATE INDEX provisioning_awake_until ON provisioning_awake (until);

-- How long a workspace keeps its log, and how far the clean-up has come.
CREATE TABLE provisioning_keeping (
    workspace_id   text NOT NULL PRIMARY KEY REFERENCES workspaces (id),
    retention_days integer NOT NULL DEFAULT 180 CHECK (retention_days BETWEEN 30 AND 730),
    unsealed_to    {{.Key}} NOT NULL DEFAULT ''
);

-- +goose Down
DROP TABLE provisioning_keeping;
DROP TABLE provisioning_awake;
DROP TABLE provisioning_minutes;
DROP TABLE provisioning_log;
