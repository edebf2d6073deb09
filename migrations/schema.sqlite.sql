-- Written by `make schema`; do not edit. The schema as all migrations leave it.

CREATE TABLE audit_events (
    id           text NOT NULL PRIMARY KEY,
    workspace_id text NOT NULL,
    at           datetime NOT NULL,
    event        text NOT NULL,
    actor_kind   text NOT NULL,
    actor_id     text NOT NULL DEFAULT '',
    actor_name   text NOT NULL DEFAULT '',
    subject      text NOT NULL DEFAULT '',
    ip           text NOT NULL DEFAULT '',
    user_agent   text NOT NULL DEFAULT '',
    detail       text NOT NULL DEFAULT '{}'
);

CREATE INDEX audit_events_order ON audit_events (workspace_id, at, id);

CREATE INDEX audit_events_subject ON audit_events (workspace_id, subject);

CREATE TABLE challenges (
    confirmation_id text NOT NULL REFERENCES confirmations (id),
    device_id       text NOT NULL REFERENCES devices (id),
    challenge       text NOT NULL,
    server_sig      blob NOT NULL,
    kid             text NOT NULL,
    delivery        text NOT NULL DEFAULT 'queued' CHECK (delivery IN ('queued', 'sent', 'failed', 'pulled', 'opened')),
    delivery_at     datetime NOT NULL,
    detail          text NOT NULL DEFAULT '',
    PRIMARY KEY (confirmation_id, device_id)
);

CREATE INDEX challenges_device ON challenges (device_id);

CREATE TABLE confirmation_people (
    person_id      text NOT NULL PRIMARY KEY REFERENCES people (id),
    wrong_codes    integer NOT NULL DEFAULT 0,
    pushes         integer NOT NULL DEFAULT 0,
    locks          integer NOT NULL DEFAULT 0,
    locked_until   datetime,
    denied_at      datetime,
    last_network   text NOT NULL DEFAULT ''
);

CREATE TABLE confirmations (
    id               text NOT NULL PRIMARY KEY,
    workspace_id     text NOT NULL REFERENCES workspaces (id),
    person_id        text NOT NULL REFERENCES people (id),
    session_hash     blob NOT NULL,
    browser_hash     blob,
    network          text NOT NULL DEFAULT '',
    action           text NOT NULL,
    resource         text NOT NULL DEFAULT '',
    params           blob,
    mode             text NOT NULL CHECK (mode IN ('tap', 'code')),
    code_sealed      blob,
    context          text NOT NULL,
    state            text NOT NULL CHECK (state IN ('pending', 'approved', 'denied', 'expired', 'cancelled', 'consumed')),
    reason           text NOT NULL DEFAULT '',
    version          bigint NOT NULL DEFAULT 1,
    wrong_codes      integer NOT NULL DEFAULT 0,
    last_wrong       blob,
    resends          integer NOT NULL DEFAULT 0,
    pushed_at        datetime,
    created_at       datetime NOT NULL,
    expires_at       datetime NOT NULL,
    decided_at       datetime,
    decided_by       text,
    decided_name     text NOT NULL DEFAULT '',
    decided_response blob,
    decided_sig      blob,
    consumed_at      datetime,
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

CREATE TRIGGER confirmations_bound BEFORE UPDATE ON confirmations
WHEN NEW.id <> OLD.id OR NEW.workspace_id <> OLD.workspace_id OR NEW.person_id <> OLD.person_id OR NEW.session_hash <> OLD.session_hash
  OR NEW.action <> OLD.action OR NEW.resource <> OLD.resource OR NEW.mode <> OLD.mode OR NEW.expires_at > OLD.expires_at
BEGIN
  SELECT RAISE(ABORT, 'confirmation: bound fields never change');
END;

CREATE TRIGGER confirmations_guard BEFORE UPDATE OF state ON confirmations
WHEN NEW.state <> OLD.state AND (NEW.version <= OLD.version OR NOT (
       (OLD.state = 'pending'  AND NEW.state IN ('approved', 'denied', 'expired', 'cancelled'))
    OR (OLD.state = 'approved' AND NEW.state IN ('consumed', 'expired', 'cancelled'))))
BEGIN
  SELECT RAISE(ABORT, 'confirmation: illegal move');
END;

CREATE TABLE counters (
    key        text NOT NULL PRIMARY KEY,
    count      bigint NOT NULL,
    expires_at datetime NOT NULL
);

CREATE INDEX counters_expires_at ON counters (expires_at);

CREATE TABLE device_keys (
    key_hash  blob NOT NULL PRIMARY KEY,
    device_id text NOT NULL
);

CREATE TABLE device_requests (
    device_id  text NOT NULL,
    jti        blob NOT NULL,
    expires_at datetime NOT NULL,
    PRIMARY KEY (device_id, jti)
);

CREATE INDEX device_requests_expires_at ON device_requests (expires_at);

CREATE TABLE devices (
    id                 text NOT NULL PRIMARY KEY,
    workspace_id       text NOT NULL REFERENCES workspaces (id),
    person_id          text NOT NULL REFERENCES people (id),
    name               text NOT NULL,
    platform           text NOT NULL CHECK (platform IN ('ios', 'android', 'web')),
    os                 text NOT NULL DEFAULT '',
    app                text NOT NULL DEFAULT '',
    uv_key             blob NOT NULL,
    poll_key           blob NOT NULL,
    key_protection     text NOT NULL DEFAULT 'unknown',
    state              text NOT NULL CHECK (state IN ('claimed', 'matched', 'active', 'removed')),
    push_kind          text NOT NULL DEFAULT '',
    push_key           text,
    push_address       text NOT NULL DEFAULT '',
    push_state         text NOT NULL DEFAULT 'none' CHECK (push_state IN ('none', 'registered', 'working', 'failing', 'dead')),
    push_detail        text NOT NULL DEFAULT '',
    push_registered_at datetime,
    push_delivered_at  datetime,
    created_at         datetime NOT NULL,
    activated_at       datetime,
    last_seen_at       datetime,
    removed_at         datetime,
    removed_reason     text NOT NULL DEFAULT ''
);

CREATE INDEX devices_person ON devices (person_id, state);

CREATE UNIQUE INDEX devices_push_key ON devices (push_key) WHERE push_key IS NOT NULL;

CREATE TABLE known_browsers (
    person_id    text NOT NULL REFERENCES people (id),
    browser_hash blob NOT NULL,
    since        datetime NOT NULL,
    PRIMARY KEY (person_id, browser_hash)
);

CREATE TABLE outbox (
    id          text NOT NULL PRIMARY KEY,
    kind        text NOT NULL,
    payload     blob NOT NULL,
    created_at  datetime NOT NULL,
    run_at      datetime NOT NULL,
    give_up_at  datetime NOT NULL,
    attempts    integer NOT NULL DEFAULT 0,
    lease_until datetime,
    dead_at     datetime,
    last_error  text NOT NULL DEFAULT ''
);

CREATE INDEX outbox_due ON outbox (run_at) WHERE dead_at IS NULL;

CREATE TABLE pairings (
    id            text NOT NULL PRIMARY KEY,
    workspace_id  text NOT NULL REFERENCES workspaces (id),
    person_id     text NOT NULL REFERENCES people (id),
    session_hash  blob NOT NULL,
    browser_hash  blob,
    network       text NOT NULL DEFAULT '',
    secret_hash   blob NOT NULL,
    code_hash     blob NOT NULL,
    state         text NOT NULL CHECK (state IN ('open', 'claimed', 'matched', 'active', 'refused', 'expired')),
    wrong_secrets integer NOT NULL DEFAULT 0,
    device_id     text REFERENCES devices (id),
    sas           text NOT NULL DEFAULT '',
    created_at    datetime NOT NULL,
    expires_at    datetime NOT NULL
);

CREATE INDEX pairings_code ON pairings (code_hash);

CREATE INDEX pairings_device ON pairings (device_id);

CREATE INDEX pairings_person ON pairings (person_id, state);

CREATE TABLE password_links (
    secret_hash  blob NOT NULL PRIMARY KEY,
    workspace_id text NOT NULL REFERENCES workspaces (id),
    person_id    text NOT NULL REFERENCES people (id),
    created_at   datetime NOT NULL,
    expires_at   datetime NOT NULL,
    used_at      datetime
);

CREATE INDEX password_links_expires_at ON password_links (expires_at);

CREATE INDEX password_links_person ON password_links (person_id);

CREATE TABLE passwords (
    person_id    text NOT NULL PRIMARY KEY REFERENCES people (id),
    hash         text NOT NULL,
    changed_at   datetime NOT NULL,
    last_used_at datetime
);

CREATE TABLE people (
    id            text NOT NULL PRIMARY KEY,
    workspace_id  text NOT NULL REFERENCES workspaces (id),
    source        text NOT NULL CHECK (source IN ('local', 'directory')),
    role          text NOT NULL CHECK (role IN ('owner', 'super_admin', 'admin', 'user', 'guest')),
    active        boolean NOT NULL DEFAULT true,
    user_name     text NOT NULL,
    user_name_key text NOT NULL,
    name          text NOT NULL,
    email         text NOT NULL DEFAULT '',
    email_key     text NOT NULL DEFAULT '',
    external_id   text,
    attributes    text NOT NULL DEFAULT '{}',
    version       bigint NOT NULL DEFAULT 1,
    created_at    datetime NOT NULL,
    updated_at    datetime NOT NULL,
    deleted_at    datetime
, name_key text NOT NULL DEFAULT '', manager_id text, search text NOT NULL DEFAULT '{}');

CREATE INDEX people_admins ON people (workspace_id, active) WHERE role IN ('owner', 'super_admin', 'admin') AND deleted_at IS NULL;

CREATE INDEX people_email ON people (workspace_id, email_key) WHERE deleted_at IS NULL;

CREATE INDEX people_external_id ON people (workspace_id, external_id) WHERE deleted_at IS NULL;

CREATE INDEX people_name ON people (workspace_id, name_key) WHERE deleted_at IS NULL;

CREATE UNIQUE INDEX people_one_owner ON people (workspace_id) WHERE role = 'owner' AND deleted_at IS NULL;

CREATE INDEX people_order ON people (workspace_id, created_at, id) WHERE deleted_at IS NULL;

CREATE UNIQUE INDEX people_user_name ON people (workspace_id, user_name_key) WHERE deleted_at IS NULL;

CREATE TABLE person_emails (
    person_id    text NOT NULL REFERENCES people (id),
    value_key    text NOT NULL,
    workspace_id text NOT NULL,
    PRIMARY KEY (person_id, value_key)
);

CREATE INDEX person_emails_value ON person_emails (workspace_id, value_key);

CREATE TABLE recoveries (
    secret_hash  blob NOT NULL PRIMARY KEY,
    workspace_id text NOT NULL REFERENCES workspaces (id),
    person_id    text NOT NULL REFERENCES people (id),
    session_hash blob,
    created_at   datetime NOT NULL,
    expires_at   datetime NOT NULL,
    pair_until   datetime,
    ended_at     datetime
);

CREATE INDEX recoveries_session ON recoveries (session_hash);

CREATE TABLE scim_tokens (
    id            text NOT NULL PRIMARY KEY,
    workspace_id  text NOT NULL REFERENCES workspaces (id),
    digest        blob NOT NULL,
    sealed        blob NOT NULL,
    hint          text NOT NULL,
    state         text NOT NULL CHECK (state IN ('active', 'replaced', 'revoked')),
    created_at    datetime NOT NULL,
    created_by    text NOT NULL,
    expires_at    datetime,
    valid_until   datetime,
    revoked_at    datetime,
    last_used_at  datetime,
    last_used_by  text NOT NULL DEFAULT ''
);

CREATE UNIQUE INDEX scim_tokens_digest ON scim_tokens (digest);

CREATE UNIQUE INDEX scim_tokens_one_active ON scim_tokens (workspace_id) WHERE state = 'active';

CREATE INDEX scim_tokens_workspace ON scim_tokens (workspace_id, created_at, id);

CREATE TABLE server_keys (
    kid        text NOT NULL PRIMARY KEY,
    purpose    text NOT NULL CHECK (purpose IN ('challenge', 'vapid', 'cursor')),
    sealed     blob NOT NULL,
    public_key blob NOT NULL,
    created_at datetime NOT NULL,
    retired_at datetime
);

CREATE UNIQUE INDEX server_keys_one_current ON server_keys (purpose) WHERE retired_at IS NULL;

CREATE TABLE sessions (
    token_hash text NOT NULL PRIMARY KEY,
    data       blob NOT NULL,
    expires_at datetime NOT NULL
);

CREATE INDEX sessions_expires_at ON sessions (expires_at);

CREATE TABLE setup_codes (
    code_hash  blob NOT NULL PRIMARY KEY,
    created_at datetime NOT NULL
);

CREATE TABLE sign_ins (
    session_hash blob NOT NULL,
    workspace_id text NOT NULL REFERENCES workspaces (id),
    person_id    text NOT NULL REFERENCES people (id),
    signed_in_at datetime NOT NULL,
    verified_at  datetime NOT NULL,
    last_seen_at datetime NOT NULL,
    ip           text NOT NULL DEFAULT '',
    user_agent   text NOT NULL DEFAULT '',
    PRIMARY KEY (session_hash, workspace_id)
);

CREATE INDEX sign_ins_last_seen_at ON sign_ins (last_seen_at);

CREATE INDEX sign_ins_person ON sign_ins (person_id);

CREATE TABLE team_members (
    team_id      text NOT NULL,
    person_id    text NOT NULL,
    workspace_id text NOT NULL,
    PRIMARY KEY (team_id, person_id)
);

CREATE INDEX team_members_person ON team_members (person_id, team_id);

CREATE TABLE team_pending (
    team_id      text NOT NULL,
    member_id    text NOT NULL,
    workspace_id text NOT NULL,
    created_at   datetime NOT NULL,
    PRIMARY KEY (team_id, member_id)
);

CREATE INDEX team_pending_member ON team_pending (workspace_id, member_id);

CREATE TABLE teams (
    id               text NOT NULL PRIMARY KEY,
    workspace_id     text NOT NULL REFERENCES workspaces (id),
    source           text NOT NULL DEFAULT 'directory' CHECK (source IN ('local', 'directory')),
    display_name     text NOT NULL,
    display_name_key text NOT NULL,
    external_id      text,
    attributes       text NOT NULL DEFAULT '{}',
    search           text NOT NULL DEFAULT '{}',
    version          bigint NOT NULL DEFAULT 1,
    created_at       datetime NOT NULL,
    updated_at       datetime NOT NULL,
    deleted_at       datetime
);

CREATE UNIQUE INDEX teams_display_name ON teams (workspace_id, display_name_key) WHERE deleted_at IS NULL;

CREATE INDEX teams_external_id ON teams (workspace_id, external_id) WHERE deleted_at IS NULL;

CREATE INDEX teams_order ON teams (workspace_id, created_at, id) WHERE deleted_at IS NULL;

CREATE TABLE workspaces (
    id                   text NOT NULL PRIMARY KEY,
    slug                 text NOT NULL,
    name                 text NOT NULL,
    confirmation_policy  text NOT NULL DEFAULT 'risk' CHECK (confirmation_policy IN ('risk', 'code', 'tap')),
    confirmation_seconds integer NOT NULL DEFAULT 300 CHECK (confirmation_seconds BETWEEN 60 AND 600),
    created_at           datetime NOT NULL
);

CREATE UNIQUE INDEX workspaces_slug ON workspaces (slug);
