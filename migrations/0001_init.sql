-- +goose Up
CREATE TABLE workspaces (
    id                   text NOT NULL PRIMARY KEY,
    slug                 text NOT NULL,
    name                 text NOT NULL,
    confirmation_policy  text NOT NULL DEFAULT 'risk' CHECK (confirmation_policy IN ('risk', 'code', 'tap')),
    confirmation_seconds integer NOT NULL DEFAULT 300 CHECK (confirmation_seconds BETWEEN 60 AND 600),
    created_at           {{.Timestamp}} NOT NULL
);
CREATE UNIQUE INDEX workspaces_slug ON workspaces (slug);

-- Codes that claim a fresh server; each start adds one until a workspace exists.
CREATE TABLE setup_codes (
    code_hash  {{.Bytes}} NOT NULL PRIMARY KEY,
    created_at {{.Timestamp}} NOT NULL
);

-- How often something happened in a window: wrong passwords, wrong codes. Shared by all replicas.
CREATE TABLE counters (
    key        text NOT NULL PRIMARY KEY,
    count      bigint NOT NULL,
    expires_at {{.Timestamp}} NOT NULL
);
CREATE INDEX counters_expires_at ON counters (expires_at);

-- A person of a workspace, made here ('local') or by the identity provider ('directory'). The columns are what is looked up; every other
-- SCIM attribute is in attributes.
CREATE TABLE people (
    id            text NOT NULL PRIMARY KEY,
    workspace_id  text NOT NULL REFERENCES workspaces (id),
    source        text NOT NULL CHECK (source IN ('local', 'directory')),
    role          text NOT NULL CHECK (role IN ('owner', 'super_admin', 'admin', 'user', 'guest')),
    active        {{.Bool}} NOT NULL DEFAULT true,
    user_name     text NOT NULL,
    user_name_key {{.Key}} NOT NULL,
    name          text NOT NULL,
    email         text NOT NULL DEFAULT '',
    email_key     {{.Key}} NOT NULL DEFAULT '',
    external_id   text,
    attributes    {{.JSON}} NOT NULL DEFAULT '{}',
    version       bigint NOT NULL DEFAULT 1,
    created_at    {{.Timestamp}} NOT NULL,
    updated_at    {{.Timestamp}} NOT NULL,
    deleted_at    {{.Timestamp}}
);
CREATE UNIQUE INDEX people_user_name ON people (workspace_id, user_name_key) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX people_one_owner ON people (workspace_id) WHERE role = 'owner' AND deleted_at IS NULL;
CREATE INDEX people_admins ON people (workspace_id, active) WHERE role IN ('owner', 'super_admin', 'admin') AND deleted_at IS NULL;
CREATE INDEX people_email ON people (workspace_id, email_key) WHERE deleted_at IS NULL;
CREATE INDEX people_external_id ON people (workspace_id, external_id) WHERE deleted_at IS NULL;
CREATE INDEX people_order ON people (workspace_id, created_at, id) WHERE deleted_at IS NULL;

CREATE TABLE passwords (
    person_id    text NOT NULL PRIMARY KEY REFERENCES people (id),
    hash         text NOT NULL,
    changed_at   {{.Timestamp}} NOT NULL,
    last_used_at {{.Timestamp}}
);

CREATE TABLE password_links (
    secret_hash  {{.Bytes}} NOT NULL PRIMARY KEY,
    workspace_id text NOT NULL REFERENCES workspaces (id),
    person_id    text NOT NULL REFERENCES people (id),
    created_at   {{.Timestamp}} NOT NULL,
    expires_at   {{.Timestamp}} NOT NULL,
    used_at      {{.Timestamp}}
);
CREATE INDEX password_links_person ON password_links (person_id);
CREATE INDEX password_links_expires_at ON password_links (expires_at);

-- The browser session (one cookie) and who is signed in with it (one row for each workspace).
CREATE TABLE sessions (
    token_hash text NOT NULL PRIMARY KEY,
    data       {{.Bytes}} NOT NULL,
    expires_at {{.Timestamp}} NOT NULL
);
CREATE INDEX sessions_expires_at ON sessions (expires_at);

CREATE TABLE sign_ins (
    session_hash {{.Bytes}} NOT NULL,
    workspace_id text NOT NULL REFERENCES workspaces (id),
    person_id    text NOT NULL REFERENCES people (id),
    signed_in_at {{.Timestamp}} NOT NULL,
    verified_at  {{.Timestamp}} NOT NULL,
    last_seen_at {{.Timestamp}} NOT NULL,
    ip           text NOT NULL DEFAULT '',
    user_agent   text NOT NULL DEFAULT '',
    PRIMARY KEY (session_hash, workspace_id)
);
CREATE INDEX sign_ins_person ON sign_ins (person_id);
CREATE INDEX sign_ins_last_seen_at ON sign_ins (last_seen_at);

CREATE TABLE scim_tokens (
    id            text NOT NULL PRIMARY KEY,
    workspace_id  text NOT NULL REFERENCES workspaces (id),
    digest        {{.Bytes}} NOT NULL,
    sealed        {{.Bytes}} NOT NULL,
    hint          text NOT NULL,
    state         text NOT NULL CHECK (state IN ('active', 'replaced', 'revoked')),
    created_at    {{.Timestamp}} NOT NULL,
    created_by    text NOT NULL,
    expires_at    {{.Timestamp}},
    valid_until   {{.Timestamp}},
    revoked_at    {{.Timestamp}},
    last_used_at  {{.Timestamp}},
    last_used_by  text NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX scim_tokens_digest ON scim_tokens (digest);
CREATE INDEX scim_tokens_workspace ON scim_tokens (workspace_id, created_at, id);
CREATE UNIQUE INDEX scim_tokens_one_active ON scim_tokens (workspace_id) WHERE state = 'active';

-- Keys of the server itself, sealed by the keyset, shared by replicas.
CREATE TABLE server_keys (
    kid        text NOT NULL PRIMARY KEY,
    purpose    text NOT NULL CHECK (purpose IN ('challenge', 'vapid', 'cursor')),
    sealed     {{.Bytes}} NOT NULL,
    public_key {{.Bytes}} NOT NULL,
    created_at {{.Timestamp}} NOT NULL,
    retired_at {{.Timestamp}}
);
CREATE UNIQUE INDEX server_keys_one_current ON server_keys (purpose) WHERE retired_at IS NULL;

CREATE TABLE outbox (
    id          text NOT NULL PRIMARY KEY,
    kind        text NOT NULL,
    payload     {{.Bytes}} NOT NULL,
    created_at  {{.Timestamp}} NOT NULL,
    run_at      {{.Timestamp}} NOT NULL,
    give_up_at  {{.Timestamp}} NOT NULL,
    attempts    integer NOT NULL DEFAULT 0,
    lease_until {{.Timestamp}},
    dead_at     {{.Timestamp}},
    last_error  text NOT NULL DEFAULT ''
);
CREATE INDEX outbox_due ON outbox (run_at) WHERE dead_at IS NULL;

CREATE TABLE audit_events (
    id           text NOT NULL PRIMARY KEY,
    workspace_id text NOT NULL,
    at           {{.Timestamp}} NOT NULL,
    event        text NOT NULL,
    actor_kind   text NOT NULL,
    actor_id     text NOT NULL DEFAULT '',
    actor_name   text NOT NULL DEFAULT '',
    subject      text NOT NULL DEFAULT '',
    ip           text NOT NULL DEFAULT '',
    user_agent   text NOT NULL DEFAULT '',
    detail       {{.JSON}} NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_events_order ON audit_events (workspace_id, at, id);
CREATE INDEX audit_events_subject ON audit_events (workspace_id, subject);

CREATE TABLE devices (
    id                 text NOT NULL PRIMARY KEY,
    workspace_id       text NOT NULL REFERENCES workspaces (id),
    person_id          text NOT NULL REFERENCES people (id),
    name               text NOT NULL,
    platform           text NOT NULL CHECK (platform IN ('ios', 'android', 'web')),
    os                 text NOT NULL DEFAULT '',
    app                text NOT NULL DEFAULT '',
    uv_key             {{.Bytes}} NOT NULL,
    poll_key           {{.Bytes}} NOT NULL,
    key_protection     text NOT NULL DEFAULT 'unknown',
    state              text NOT NULL CHECK (state IN ('claimed', 'matched', 'active', 'removed')),
    push_kind          text NOT NULL DEFAULT '',
    push_key           text,
    push_address       text NOT NULL DEFAULT '',
    push_state         text NOT NULL DEFAULT 'none' CHECK (push_state IN ('none', 'registered', 'working', 'failing', 'dead')),
    push_detail        text NOT NULL DEFAULT '',
    push_registered_at {{.Timestamp}},
    push_delivered_at  {{.Timestamp}},
    created_at         {{.Timestamp}} NOT NULL,
    activated_at       {{.Timestamp}},
    last_seen_at       {{.Timestamp}},
    removed_at         {{.Timestamp}},
    removed_reason     text NOT NULL DEFAULT ''
);
CREATE INDEX devices_person ON devices (person_id, state);
CREATE UNIQUE INDEX devices_push_key ON devices (push_key) WHERE push_key IS NOT NULL;

-- A key is never used for a second enrolment, not even after the phone was removed.
CREATE TABLE device_keys (
    key_hash  {{.Bytes}} NOT NULL PRIMARY KEY,
    device_id text NOT NULL
);

CREATE TABLE device_requests (
    device_id  text NOT NULL,
    jti        {{.Bytes}} NOT NULL,
    expires_at {{.Timestamp}} NOT NULL,
    PRIMARY KEY (device_id, jti)
);
CREATE INDEX device_requests_expires_at ON device_requests (expires_at);

CREATE TABLE pairings (
    id            text NOT NULL PRIMARY KEY,
    workspace_id  text NOT NULL REFERENCES workspaces (id),
    person_id     text NOT NULL REFERENCES people (id),
    session_hash  {{.Bytes}} NOT NULL,
    browser_hash  {{.Bytes}},
    network       text NOT NULL DEFAULT '',
    secret_hash   {{.Bytes}} NOT NULL,
    code_hash     {{.Bytes}} NOT NULL,
    state         text NOT NULL CHECK (state IN ('open', 'claimed', 'matched', 'active', 'refused', 'expired')),
    wrong_secrets integer NOT NULL DEFAULT 0,
    device_id     text REFERENCES devices (id),
    sas           text NOT NULL DEFAULT '',
    created_at    {{.Timestamp}} NOT NULL,
    expires_at    {{.Timestamp}} NOT NULL
);
CREATE INDEX pairings_code ON pairings (code_hash);
CREATE INDEX pairings_person ON pairings (person_id, state);
CREATE INDEX pairings_device ON pairings (device_id);

-- One-time permissions to pair a phone without the old one, given by the operator, used by the person after their password.
CREATE TABLE recoveries (
    secret_hash  {{.Bytes}} NOT NULL PRIMARY KEY,
    workspace_id text NOT NULL REFERENCES workspaces (id),
    person_id    text NOT NULL REFERENCES people (id),
    session_hash {{.Bytes}},
    created_at   {{.Timestamp}} NOT NULL,
    expires_at   {{.Timestamp}} NOT NULL,
    pair_until   {{.Timestamp}},
    ended_at     {{.Timestamp}}
);
CREATE INDEX recoveries_session ON recoveries (session_hash);

CREATE TABLE confirmations (
    id               text NOT NULL PRIMARY KEY,
    workspace_id     text NOT NULL REFERENCES workspaces (id),
    person_id        text NOT NULL REFERENCES people (id),
    session_hash     {{.Bytes}} NOT NULL,
    browser_hash     {{.Bytes}},
    network          text NOT NULL DEFAULT '',
    action           text NOT NULL,
    resource         text NOT NULL DEFAULT '',
    params           {{.Bytes}},
    mode             text NOT NULL CHECK (mode IN ('tap', 'code')),
    code_sealed      {{.Bytes}},
    context          text NOT NULL,
    state            text NOT NULL CHECK (state IN ('pending', 'approved', 'denied', 'expired', 'cancelled', 'consumed')),
    reason           text NOT NULL DEFAULT '',
    version          bigint NOT NULL DEFAULT 1,
    wrong_codes      integer NOT NULL DEFAULT 0,
    last_wrong       {{.Bytes}},
    resends          integer NOT NULL DEFAULT 0,
    pushed_at        {{.Timestamp}},
    created_at       {{.Timestamp}} NOT NULL,
    expires_at       {{.Timestamp}} NOT NULL,
    decided_at       {{.Timestamp}},
    decided_by       text,
    decided_name     text NOT NULL DEFAULT '',
    decided_response {{.Bytes}},
    decided_sig      {{.Bytes}},
    consumed_at      {{.Timestamp}},
    seen_shown       integer NOT NULL DEFAULT 0,
    seen_hidden      integer NOT NULL DEFAULT 0,
    seen_copied      integer NOT NULL DEFAULT 0,
    seen_closed      integer NOT NULL DEFAULT 0,
    CHECK ((state = 'consumed') = (consumed_at IS NOT NULL)),
    CHECK (state NOT IN ('approved', 'consumed') OR decided_sig IS NOT NULL),
    CHECK (state = 'pending' OR code_sealed IS NULL)
);
CREATE UNIQUE INDEX confirmations_one_live ON confirmations (session_hash, workspace_id, action, resource) WHERE state = 'pending';
CREATE INDEX confirmations_person_live ON confirmations (person_id) WHERE state IN ('pending', 'approved');
CREATE INDEX confirmations_person_recent ON confirmations (person_id, created_at);
CREATE INDEX confirmations_sweep ON confirmations (expires_at) WHERE state IN ('pending', 'approved');

-- The exact bytes that one phone is asked to sign, and how far they have come.
CREATE TABLE challenges (
    confirmation_id text NOT NULL REFERENCES confirmations (id),
    device_id       text NOT NULL REFERENCES devices (id),
    challenge       text NOT NULL,
    server_sig      {{.Bytes}} NOT NULL,
    kid             text NOT NULL,
    delivery        text NOT NULL DEFAULT 'queued' CHECK (delivery IN ('queued', 'sent', 'failed', 'pulled', 'opened')),
    delivery_at     {{.Timestamp}} NOT NULL,
    detail          text NOT NULL DEFAULT '',
    PRIMARY KEY (confirmation_id, device_id)
);
CREATE INDEX challenges_device ON challenges (device_id);

-- What survives a single question: wrong codes, pushes since the last success, the lock. A new question never resets it.
CREATE TABLE confirmation_people (
    person_id      text NOT NULL PRIMARY KEY REFERENCES people (id),
    wrong_codes    integer NOT NULL DEFAULT 0,
    pushes         integer NOT NULL DEFAULT 0,
    locks          integer NOT NULL DEFAULT 0,
    locked_until   {{.Timestamp}},
    denied_at      {{.Timestamp}},
    last_network   text NOT NULL DEFAULT ''
);

-- Browsers that paired a phone of this person or collected a confirmation of theirs (wire.md §5).
CREATE TABLE known_browsers (
    person_id    text NOT NULL REFERENCES people (id),
    browser_hash {{.Bytes}} NOT NULL,
    since        {{.Timestamp}} NOT NULL,
    PRIMARY KEY (person_id, browser_hash)
);

-- +goose Down
DROP TABLE known_browsers;
DROP TABLE confirmation_people;
DROP TABLE challenges;
DROP TABLE confirmations;
DROP TABLE recoveries;
DROP TABLE pairings;
DROP TABLE device_requests;
DROP TABLE device_keys;
DROP TABLE devices;
DROP TABLE audit_events;
DROP TABLE outbox;
DROP TABLE server_keys;
DROP TABLE scim_tokens;
DROP TABLE sign_ins;
DROP TABLE sessions;
DROP TABLE password_links;
DROP TABLE passwords;
DROP TABLE people;
DROP TABLE counters;
DROP TABLE setup_codes;
DROP TABLE workspaces;
