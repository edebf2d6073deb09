-- Written by `make schema`; do not edit. The schema as all migrations leave it.

CREATE TABLE api_keys (
    id              text NOT NULL PRIMARY KEY,
    workspace_id    text NOT NULL REFERENCES workspaces (id),
    person_id       text NOT NULL REFERENCES people (id),
    name            text NOT NULL,
    digest          blob NOT NULL,
    hint            text NOT NULL,
    scopes          text NOT NULL, -- separated by blanks, sorted
    confirmation_id text NOT NULL,
    created_at      datetime NOT NULL,
    expires_at      datetime NOT NULL,
    first_used_at   datetime,
    last_used_at    datetime,
    last_used_ip    text NOT NULL DEFAULT '',
    warned_at       datetime,
    ended_at        datetime,
    ended_because   text NOT NULL DEFAULT '' CHECK (ended_because IN ('', 'revoked', 'expired', 'deactivated', 'role')),
    CHECK ((ended_at IS NULL) = (ended_because = ''))
);

CREATE UNIQUE INDEX api_keys_confirmation ON api_keys (confirmation_id);

CREATE UNIQUE INDEX api_keys_digest ON api_keys (digest);

CREATE INDEX api_keys_person ON api_keys (person_id) WHERE ended_at IS NULL;

CREATE INDEX api_keys_sweep ON api_keys (expires_at) WHERE ended_at IS NULL;

CREATE INDEX api_keys_workspace ON api_keys (workspace_id, created_at);

CREATE TRIGGER api_keys_guard BEFORE UPDATE ON api_keys
WHEN OLD.ended_at IS NOT NULL OR NEW.id <> OLD.id OR NEW.workspace_id <> OLD.workspace_id OR NEW.person_id <> OLD.person_id OR NEW.digest <> OLD.digest
  OR NEW.scopes <> OLD.scopes OR NEW.confirmation_id <> OLD.confirmation_id OR NEW.expires_at > OLD.expires_at
BEGIN
  SELECT RAISE(ABORT, 'api key: it has ended, or what was confirmed would change');
END;

CREATE TABLE approvals (
    confirmation_id text NOT NULL REFERENCES confirmations (id),
    person_id       text NOT NULL REFERENCES people (id),
    person_name     text NOT NULL,
    device_id       text NOT NULL REFERENCES devices (id),
    device_name     text NOT NULL,
    response        blob NOT NULL,
    sig             blob NOT NULL,
    approved_at     datetime NOT NULL,
    PRIMARY KEY (confirmation_id, person_id)
);

CREATE INDEX approvals_device ON approvals (device_id);

CREATE INDEX approvals_person ON approvals (person_id);

CREATE TRIGGER approvals_fit BEFORE INSERT ON approvals
WHEN NOT EXISTS (SELECT 1 FROM confirmations WHERE id = NEW.confirmation_id AND state = 'pending' AND approvals_needed > 1)
BEGIN
  SELECT RAISE(ABORT, 'approval: nothing to approve');
END;

CREATE TRIGGER approvals_kept BEFORE UPDATE ON approvals
BEGIN
  SELECT RAISE(ABORT, 'approval: never changed or taken back');
END;

CREATE TRIGGER approvals_stay BEFORE DELETE ON approvals
BEGIN
  SELECT RAISE(ABORT, 'approval: never changed or taken back');
END;

CREATE TABLE audit_chains (
    workspace_id   text NOT NULL PRIMARY KEY,
    position       bigint NOT NULL,
    head           blob NOT NULL,
    retention_days integer NOT NULL DEFAULT 400,
    pruned_to      bigint NOT NULL DEFAULT 0,
    pruned_hash    blob,
    pruned_at      datetime,
    pruned_kid     text NOT NULL DEFAULT '',
    pruned_sig     blob
);

CREATE TRIGGER audit_chains_guard BEFORE UPDATE ON audit_chains
WHEN NEW.workspace_id <> OLD.workspace_id OR NEW.position < OLD.position OR NEW.pruned_to < OLD.pruned_to OR NEW.pruned_to > OLD.position
BEGIN
  SELECT RAISE(ABORT, 'audit: events are appended, sealed and never changed');
END;

CREATE TRIGGER audit_chains_kept BEFORE DELETE ON audit_chains
BEGIN
  SELECT RAISE(ABORT, 'audit: events are appended, sealed and never changed');
END;

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
, position bigint, hash blob, salt blob, who_hash blob, what_hash blob, area text NOT NULL DEFAULT '');

CREATE INDEX audit_events_actor ON audit_events (workspace_id, actor_id, at, id) WHERE position IS NOT NULL;

CREATE INDEX audit_events_area ON audit_events (workspace_id, area, at, id) WHERE position IS NOT NULL;

CREATE INDEX audit_events_order ON audit_events (workspace_id, at, id);

CREATE UNIQUE INDEX audit_events_position ON audit_events (workspace_id, position) WHERE position IS NOT NULL;

CREATE INDEX audit_events_subject ON audit_events (workspace_id, subject, at, id) WHERE position IS NOT NULL;

CREATE INDEX audit_events_unsealed ON audit_events (workspace_id, at, id) WHERE position IS NULL;

CREATE TRIGGER audit_events_begin BEFORE INSERT ON audit_events WHEN NEW.position IS NOT NULL
BEGIN
  SELECT RAISE(ABORT, 'audit: events are appended, sealed and never changed');
END;

CREATE TRIGGER audit_events_guard BEFORE UPDATE ON audit_events
WHEN NEW.id <> OLD.id OR NEW.workspace_id <> OLD.workspace_id OR NEW.at <> OLD.at OR NEW.event <> OLD.event OR NEW.actor_kind <> OLD.actor_kind
  OR NEW.actor_id <> OLD.actor_id OR NEW.subject <> OLD.subject OR NEW.position IS NULL
  OR (OLD.position IS NOT NULL AND (NEW.position <> OLD.position OR NEW.hash IS NOT OLD.hash OR NEW.area <> OLD.area))
  OR ((NEW.actor_name <> OLD.actor_name OR NEW.ip <> OLD.ip OR NEW.user_agent <> OLD.user_agent)
      AND (OLD.position IS NULL OR NEW.who_hash IS NULL OR NEW.actor_name <> '' OR NEW.ip <> '' OR NEW.user_agent <> ''))
  OR (NEW.detail <> OLD.detail AND (OLD.position IS NULL OR NEW.what_hash IS NULL OR NEW.detail <> '{}'))
BEGIN
  SELECT RAISE(ABORT, 'audit: events are appended, sealed and never changed');
END;

CREATE TRIGGER audit_events_kept BEFORE DELETE ON audit_events
WHEN OLD.position IS NULL OR NOT EXISTS (SELECT 1 FROM audit_chains WHERE workspace_id = OLD.workspace_id AND pruned_to >= OLD.position)
BEGIN
  SELECT RAISE(ABORT, 'audit: only retention deletes events, up to its checkpoint');
END;

CREATE TABLE audit_exports (
    id           text NOT NULL PRIMARY KEY,
    workspace_id text NOT NULL,
    person_id    text NOT NULL,
    format       text NOT NULL CHECK (format IN ('csv', 'jsonl', 'signed')),
    query        text NOT NULL,
    created_at   datetime NOT NULL,
    expires_at   datetime NOT NULL
);

CREATE INDEX audit_exports_expiry ON audit_exports (expires_at);

CREATE TABLE audit_seals (
    workspace_id text NOT NULL,
    last         bigint NOT NULL,
    first        bigint NOT NULL,
    head         blob NOT NULL,
    sealed_at    datetime NOT NULL,
    kid          text NOT NULL,
    sig          blob NOT NULL,
    PRIMARY KEY (workspace_id, last)
);

CREATE TRIGGER audit_seals_guard BEFORE UPDATE ON audit_seals
BEGIN
  SELECT RAISE(ABORT, 'audit: events are appended, sealed and never changed');
END;

CREATE TRIGGER audit_seals_kept BEFORE DELETE ON audit_seals
WHEN NOT EXISTS (SELECT 1 FROM audit_chains WHERE workspace_id = OLD.workspace_id AND pruned_to >= OLD.last)
BEGIN
  SELECT RAISE(ABORT, 'audit: only retention deletes seals, up to its checkpoint');
END;

CREATE TABLE certificate_warnings (
    workspace_id text NOT NULL REFERENCES workspaces (id),
    fingerprint  text NOT NULL,
    days         bigint NOT NULL,
    warned_at    datetime NOT NULL,
    PRIMARY KEY (workspace_id, fingerprint)
);

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
    seen_closed      integer NOT NULL DEFAULT 0, approvals_needed integer NOT NULL DEFAULT 1 CHECK (approvals_needed IN (1, 2)), reported_at datetime, decided_how text NOT NULL DEFAULT 'phone' CHECK (decided_how IN ('phone', 'passkey')),
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

CREATE TRIGGER confirmations_evidence BEFORE UPDATE ON confirmations
WHEN NEW.decided_how <> OLD.decided_how
  AND (OLD.state <> 'pending' OR NEW.state <> 'approved' OR NEW.approvals_needed <> 1 OR NEW.decided_response IS NULL)
BEGIN
  SELECT RAISE(ABORT, 'confirmation: the kind of evidence is fixed by the answer');
END;

CREATE TRIGGER confirmations_guard BEFORE UPDATE OF state ON confirmations
WHEN NEW.state <> OLD.state AND (NEW.version <= OLD.version OR NOT (
       (OLD.state = 'pending'  AND NEW.state IN ('approved', 'denied', 'expired', 'cancelled'))
    OR (OLD.state = 'approved' AND NEW.state IN ('consumed', 'expired', 'cancelled'))))
BEGIN
  SELECT RAISE(ABORT, 'confirmation: illegal move');
END;

CREATE TRIGGER confirmations_quorum BEFORE UPDATE ON confirmations
WHEN NEW.approvals_needed <> OLD.approvals_needed
  OR (NEW.approvals_needed > 1 AND NEW.state = 'approved' AND OLD.state <> 'approved' AND (
       (SELECT count(*) FROM approvals WHERE confirmation_id = NEW.id) < NEW.approvals_needed
    OR NOT EXISTS (SELECT 1 FROM approvals WHERE confirmation_id = NEW.id AND person_id = NEW.person_id)))
BEGIN
  SELECT RAISE(ABORT, 'confirmation: approvals are missing');
END;

CREATE TRIGGER confirmations_ten_minutes BEFORE INSERT ON confirmations
WHEN (julianday(NEW.expires_at) - julianday(NEW.created_at)) * 86400.0 > 600.01
BEGIN
  SELECT RAISE(ABORT, 'confirmation: it ends within ten minutes');
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
, server_kid text NOT NULL DEFAULT '', vapid_kid text NOT NULL DEFAULT '');

CREATE INDEX devices_person ON devices (person_id, state);

CREATE UNIQUE INDEX devices_push_key ON devices (push_key) WHERE push_key IS NOT NULL;

CREATE TABLE held_items (
    removal_id   text NOT NULL REFERENCES held_removals (id),
    workspace_id text NOT NULL,
    person_id    text NOT NULL,
    team_id      text NOT NULL DEFAULT '',
    role         text NOT NULL DEFAULT '',
    at           datetime NOT NULL,
    outcome      text NOT NULL DEFAULT '',
    PRIMARY KEY (removal_id, person_id, team_id)
);

CREATE INDEX held_items_person ON held_items (workspace_id, person_id, team_id);

CREATE INDEX held_items_team ON held_items (workspace_id, team_id);

CREATE TABLE held_removals (
    id           text NOT NULL PRIMARY KEY,
    workspace_id text NOT NULL REFERENCES workspaces (id),
    kind         text NOT NULL CHECK (kind IN ('people', 'members', 'roles')),
    state        text NOT NULL CHECK (state IN ('held', 'allowed', 'kept')),
    opened_at    datetime NOT NULL,
    opened_by    text NOT NULL DEFAULT '',
    reason       text NOT NULL DEFAULT '',
    decided_at   datetime,
    decided_by   text NOT NULL DEFAULT ''
);

CREATE INDEX held_removals_decided ON held_removals (decided_at, id) WHERE decided_at IS NOT NULL;

CREATE UNIQUE INDEX held_removals_one_open ON held_removals (workspace_id, kind) WHERE state = 'held';

CREATE INDEX held_removals_order ON held_removals (workspace_id, opened_at, id);

CREATE TABLE identity_providers (
    workspace_id  text NOT NULL PRIMARY KEY REFERENCES workspaces (id),
    kind          text NOT NULL CHECK (kind IN ('oidc', 'saml')),
    preset        text NOT NULL CHECK (preset IN ('entra', 'okta', 'other')),
    name          text NOT NULL,
    issuer        text NOT NULL,
    client_id     text NOT NULL DEFAULT '',
    secret_sealed blob NOT NULL,
    metadata      text NOT NULL DEFAULT '',
    claim         text NOT NULL,
    link_by       text NOT NULL CHECK (link_by IN ('user_name', 'external_id')),
    jit           boolean NOT NULL DEFAULT false,
    active        boolean NOT NULL DEFAULT false,
    enforced      boolean NOT NULL DEFAULT false,
    version       bigint NOT NULL DEFAULT 1,
    last_test     text,
    created_at    datetime NOT NULL,
    updated_at    datetime NOT NULL, metadata_url text NOT NULL DEFAULT '', metadata_read_at datetime, metadata_tried_at datetime, metadata_fault text NOT NULL DEFAULT '',
    CHECK (active OR NOT enforced)
);

CREATE TABLE known_browsers (
    person_id    text NOT NULL REFERENCES people (id),
    browser_hash blob NOT NULL,
    since        datetime NOT NULL,
    PRIMARY KEY (person_id, browser_hash)
);

CREATE TABLE notices (
    id           text NOT NULL PRIMARY KEY,
    workspace_id text NOT NULL REFERENCES workspaces (id),
    person_id    text NOT NULL REFERENCES people (id),
    kind         text NOT NULL,
    params       text NOT NULL DEFAULT '{}',
    created_at   datetime NOT NULL,
    seen_at      datetime
, handed_on_at datetime);

CREATE INDEX notices_age ON notices (created_at);

CREATE INDEX notices_person ON notices (person_id, created_at, id);

CREATE INDEX notices_untold ON notices (created_at, id) WHERE handed_on_at IS NULL;

CREATE TABLE notification_settings (
    workspace_id text NOT NULL PRIMARY KEY REFERENCES workspaces(id),
    language     text NOT NULL DEFAULT 'en' CHECK (language IN ('en', 'de')),
    off          text NOT NULL, -- events that are not mailed
    updated_at   datetime NOT NULL
);

CREATE TABLE offboardings (
    id           text NOT NULL PRIMARY KEY,
    workspace_id text NOT NULL REFERENCES workspaces (id),
    person_id    text NOT NULL,
    person_name  text NOT NULL,
    user_name    text NOT NULL,
    cause        text NOT NULL CHECK (cause IN ('deactivated', 'deleted')),
    actor_kind   text NOT NULL,
    actor_id     text NOT NULL DEFAULT '',
    actor_name   text NOT NULL DEFAULT '',
    requested_at datetime NOT NULL,
    ended_at     datetime NOT NULL,
    ended        text NOT NULL DEFAULT '[]'
);

CREATE INDEX offboardings_ended ON offboardings (ended_at, id);

CREATE INDEX offboardings_order ON offboardings (workspace_id, ended_at, id);

CREATE INDEX offboardings_person ON offboardings (workspace_id, person_id, ended_at);

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

CREATE TABLE ownership_takeovers (
    id           text NOT NULL PRIMARY KEY,
    workspace_id text NOT NULL REFERENCES workspaces (id),
    owner_id     text NOT NULL,
    state        text NOT NULL CHECK (state IN ('frozen', 'returned', 'taken_over')),
    frozen_at    datetime NOT NULL,
    candidate_id text NOT NULL DEFAULT '',
    proposed_by  text NOT NULL DEFAULT '',
    proposed_at  datetime,
    approved_by  text NOT NULL DEFAULT '',
    ended_at     datetime
);

CREATE UNIQUE INDEX ownership_takeovers_one_open ON ownership_takeovers (workspace_id) WHERE state = 'frozen';

CREATE TABLE ownership_transfers (
    id           text NOT NULL PRIMARY KEY,
    workspace_id text NOT NULL REFERENCES workspaces (id),
    from_id      text NOT NULL REFERENCES people (id),
    to_id        text NOT NULL REFERENCES people (id),
    state        text NOT NULL CHECK (state IN ('open', 'done', 'declined', 'cancelled', 'expired')),
    reason       text NOT NULL DEFAULT '',
    created_at   datetime NOT NULL,
    expires_at   datetime NOT NULL,
    ended_at     datetime,
    CHECK (from_id <> to_id),
    CHECK ((state = 'open') = (ended_at IS NULL))
);

CREATE UNIQUE INDEX ownership_transfers_open ON ownership_transfers (workspace_id) WHERE state = 'open';

CREATE INDEX ownership_transfers_sweep ON ownership_transfers (expires_at) WHERE state = 'open';

CREATE TRIGGER ownership_transfers_guard BEFORE UPDATE ON ownership_transfers
WHEN OLD.state <> 'open' OR NEW.id <> OLD.id OR NEW.workspace_id <> OLD.workspace_id OR NEW.from_id <> OLD.from_id OR NEW.to_id <> OLD.to_id
  OR NEW.expires_at > OLD.expires_at
BEGIN
  SELECT RAISE(ABORT, 'ownership transfer: it has ended, or a bound field would change');
END;

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
, recovery blob);

CREATE INDEX pairings_code ON pairings (code_hash);

CREATE INDEX pairings_device ON pairings (device_id);

CREATE INDEX pairings_person ON pairings (person_id, state);

CREATE TABLE passkey_ceremonies (
    hash       blob NOT NULL PRIMARY KEY,
    purpose    text NOT NULL CHECK (purpose IN ('add', 'sign_in', 'verify', 'confirm')),
    bound_to   blob NOT NULL,
    person_id  text NOT NULL DEFAULT '',
    data       blob NOT NULL,
    expires_at datetime NOT NULL
);

CREATE INDEX passkey_ceremonies_expires_at ON passkey_ceremonies (expires_at);

CREATE TABLE passkeys (
    id            text NOT NULL PRIMARY KEY,
    workspace_id  text NOT NULL REFERENCES workspaces (id),
    person_id     text NOT NULL REFERENCES people (id),
    rp_id         text NOT NULL,
    credential_id blob NOT NULL,
    credential    text NOT NULL,
    name          text NOT NULL,
    created_at    datetime NOT NULL,
    last_used_at  datetime
);

CREATE UNIQUE INDEX passkeys_credential ON passkeys (credential_id);

CREATE INDEX passkeys_person ON passkeys (person_id, created_at);

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
, name_key text NOT NULL DEFAULT '', manager_id text, search text NOT NULL DEFAULT '{}', role_mapped boolean NOT NULL DEFAULT false, active_before boolean NOT NULL DEFAULT false, forgotten_at datetime);

CREATE INDEX people_admins ON people (workspace_id, active) WHERE role IN ('owner', 'super_admin', 'admin') AND deleted_at IS NULL;

CREATE INDEX people_deleted ON people (workspace_id, deleted_at, id) WHERE deleted_at IS NOT NULL;

CREATE INDEX people_email ON people (workspace_id, email_key) WHERE deleted_at IS NULL;

CREATE INDEX people_external_id ON people (workspace_id, external_id) WHERE deleted_at IS NULL;

CREATE INDEX people_gone_email ON people (workspace_id, email_key, id) WHERE deleted_at IS NOT NULL AND forgotten_at IS NULL;

CREATE INDEX people_gone_external_id ON people (workspace_id, external_id) WHERE deleted_at IS NOT NULL;

CREATE INDEX people_gone_name ON people (workspace_id, name_key, id) WHERE deleted_at IS NOT NULL AND forgotten_at IS NULL;

CREATE INDEX people_gone_user_name ON people (workspace_id, user_name_key) WHERE deleted_at IS NOT NULL;

CREATE INDEX people_guests ON people (workspace_id, role, created_at, id) WHERE role = 'guest' AND deleted_at IS NULL;

CREATE INDEX people_inactive ON people (workspace_id, active, created_at, id, source) WHERE active = false AND deleted_at IS NULL;

CREATE INDEX people_local ON people (workspace_id, source, created_at, id) WHERE source = 'local' AND deleted_at IS NULL;

CREATE INDEX people_name ON people (workspace_id, name_key) WHERE deleted_at IS NULL;

CREATE UNIQUE INDEX people_one_owner ON people (workspace_id) WHERE role = 'owner' AND deleted_at IS NULL;

CREATE INDEX people_order ON people (workspace_id, created_at, id) WHERE deleted_at IS NULL;

CREATE INDEX people_role_mapped ON people (workspace_id) WHERE role_mapped AND deleted_at IS NULL;

CREATE INDEX people_to_forget ON people (deleted_at, id) WHERE deleted_at IS NOT NULL AND forgotten_at IS NULL;

CREATE UNIQUE INDEX people_user_name ON people (workspace_id, user_name_key) WHERE deleted_at IS NULL;

CREATE TRIGGER people_total_changed AFTER UPDATE OF source, deleted_at ON people
    WHEN (OLD.source = 'directory' AND OLD.deleted_at IS NULL) <> (NEW.source = 'directory' AND NEW.deleted_at IS NULL) BEGIN
    INSERT INTO scim_totals (workspace_id, kind, shard, total)
        VALUES (NEW.workspace_id, 'people', 0, CASE WHEN NEW.source = 'directory' AND NEW.deleted_at IS NULL THEN 1 ELSE -1 END)
        ON CONFLICT (workspace_id, kind, shard) DO UPDATE SET total = total + excluded.total;
END;

CREATE TRIGGER people_total_deleted AFTER DELETE ON people WHEN OLD.source = 'directory' AND OLD.deleted_at IS NULL BEGIN
    UPDATE scim_totals SET total = total - 1 WHERE workspace_id = OLD.workspace_id AND kind = 'people' AND shard = 0;
END;

CREATE TRIGGER people_total_inserted AFTER INSERT ON people WHEN NEW.source = 'directory' AND NEW.deleted_at IS NULL BEGIN
    INSERT INTO scim_totals (workspace_id, kind, shard, total) VALUES (NEW.workspace_id, 'people', 0, 1)
        ON CONFLICT (workspace_id, kind, shard) DO UPDATE SET total = total + 1;
END;

CREATE TABLE person_emails (
    person_id    text NOT NULL REFERENCES people (id),
    value_key    text NOT NULL,
    workspace_id text NOT NULL,
    PRIMARY KEY (person_id, value_key)
);

CREATE INDEX person_emails_value ON person_emails (workspace_id, value_key);

CREATE TABLE provisioning_awake (
    since  datetime NOT NULL PRIMARY KEY,
    until  datetime NOT NULL
);

CREATE INDEX provisioning_awake_until ON provisioning_awake (until);

CREATE TABLE provisioning_keeping (
    workspace_id   text NOT NULL PRIMARY KEY REFERENCES workspaces (id),
    retention_days integer NOT NULL DEFAULT 180 CHECK (retention_days BETWEEN 30 AND 730),
    unsealed_to    text NOT NULL DEFAULT ''
);

CREATE TABLE provisioning_log (
    workspace_id text NOT NULL,
    id           text NOT NULL,
    at           datetime NOT NULL,
    last_at      datetime NOT NULL,
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
    resolved_at  datetime,
    resolved_by  text NOT NULL DEFAULT '',
    search       text NOT NULL DEFAULT '',
    detail       text NOT NULL DEFAULT '',
    changes      text,
    request      text,
    response     text,
    sealed       blob,
    PRIMARY KEY (workspace_id, id)
);

CREATE INDEX provisioning_log_bulk ON provisioning_log (workspace_id, bulk_id, id) WHERE bulk_id <> '';

CREATE UNIQUE INDEX provisioning_log_fold ON provisioning_log (workspace_id, fold_key) WHERE fold_key <> '' AND resolved_at IS NULL;

CREATE INDEX provisioning_log_member ON provisioning_log (workspace_id, member_id, id) WHERE member_id <> '';

CREATE INDEX provisioning_log_open ON provisioning_log (workspace_id, subject_key) WHERE result IN ('failed', 'rejected', 'slowed') AND resolved_at IS NULL;

CREATE INDEX provisioning_log_refused ON provisioning_log (workspace_id, id) WHERE result IN ('failed', 'rejected', 'slowed');

CREATE INDEX provisioning_log_subject ON provisioning_log (workspace_id, subject_id, id) WHERE subject_id <> '';

CREATE TABLE provisioning_minutes (
    workspace_id text NOT NULL,
    minute       datetime NOT NULL,
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
    first_at     datetime NOT NULL,
    last_at      datetime NOT NULL,
    PRIMARY KEY (workspace_id, minute, token_id)
);

CREATE TABLE recoveries (
    secret_hash  blob NOT NULL PRIMARY KEY,
    workspace_id text NOT NULL REFERENCES workspaces (id),
    person_id    text NOT NULL REFERENCES people (id),
    session_hash blob,
    created_at   datetime NOT NULL,
    expires_at   datetime NOT NULL,
    pair_until   datetime,
    ended_at     datetime
, how text NOT NULL DEFAULT 'operator' CHECK (how IN ('operator', 'code', 'colleague')));

CREATE UNIQUE INDEX recoveries_one_grant ON recoveries (person_id) WHERE pair_until IS NOT NULL AND ended_at IS NULL;

CREATE INDEX recoveries_person ON recoveries (person_id);

CREATE INDEX recoveries_session ON recoveries (session_hash);

CREATE TRIGGER recoveries_begin BEFORE INSERT ON recoveries
WHEN NEW.pair_until IS NOT NULL AND (NEW.session_hash IS NULL OR julianday(NEW.pair_until) > julianday(NEW.expires_at) + 0.04168)
BEGIN
  SELECT RAISE(ABORT, 'recovery: pairing is bound to a session and lasts an hour at most');
END;

CREATE TRIGGER recoveries_guard BEFORE UPDATE ON recoveries
WHEN OLD.ended_at IS NOT NULL OR NEW.secret_hash <> OLD.secret_hash OR NEW.workspace_id <> OLD.workspace_id OR NEW.person_id <> OLD.person_id
  OR (OLD.pair_until IS NOT NULL AND NEW.pair_until IS NOT OLD.pair_until)
  OR (OLD.session_hash IS NOT NULL AND NEW.session_hash IS NOT OLD.session_hash)
  OR (NEW.pair_until IS NOT NULL AND (NEW.session_hash IS NULL OR julianday(NEW.pair_until) > julianday(NEW.expires_at) + 0.04168))
BEGIN
  SELECT RAISE(ABORT, 'recovery: bound fields never change, it ends once, and pairing lasts an hour at most');
END;

CREATE TABLE recovery_code_sets (
    id           text NOT NULL PRIMARY KEY,
    workspace_id text NOT NULL REFERENCES workspaces (id),
    person_id    text NOT NULL REFERENCES people (id),
    salt         blob NOT NULL,
    created_at   datetime NOT NULL,
    ended_at     datetime
);

CREATE UNIQUE INDEX recovery_code_sets_one_current ON recovery_code_sets (person_id) WHERE ended_at IS NULL;

CREATE TABLE recovery_codes (
    set_id    text NOT NULL REFERENCES recovery_code_sets (id),
    code_hash blob NOT NULL,
    used_at   datetime,
    PRIMARY KEY (set_id, code_hash)
);

CREATE TRIGGER recovery_codes_guard BEFORE UPDATE ON recovery_codes
WHEN OLD.used_at IS NOT NULL OR NEW.set_id <> OLD.set_id OR NEW.code_hash <> OLD.code_hash
BEGIN
  SELECT RAISE(ABORT, 'recovery code: used once and never again');
END;

CREATE TABLE recovery_requests (
    id              text NOT NULL PRIMARY KEY,
    workspace_id    text NOT NULL REFERENCES workspaces (id),
    person_id       text NOT NULL REFERENCES people (id),
    session_hash    blob NOT NULL,
    approver_id     text NOT NULL REFERENCES people (id),
    words           text NOT NULL,
    decoys          text NOT NULL,
    note            text NOT NULL DEFAULT '',
    ip              text NOT NULL DEFAULT '',
    user_agent      text NOT NULL DEFAULT '',
    state           text NOT NULL CHECK (state IN ('open', 'approved', 'refused', 'cancelled', 'expired')),
    reason          text NOT NULL DEFAULT '',
    created_at      datetime NOT NULL,
    expires_at      datetime NOT NULL,
    compared_at     datetime,
    decided_at      datetime,
    confirmation_id text REFERENCES confirmations (id),
    CHECK (person_id <> approver_id),
    CHECK ((state = 'open') = (decided_at IS NULL)),
    CHECK ((state = 'approved') = (confirmation_id IS NOT NULL)),
    CHECK (state <> 'approved' OR compared_at IS NOT NULL)
);

CREATE INDEX recovery_requests_approver ON recovery_requests (approver_id) WHERE state = 'open';

CREATE UNIQUE INDEX recovery_requests_confirmation ON recovery_requests (confirmation_id) WHERE confirmation_id IS NOT NULL;

CREATE INDEX recovery_requests_expires_at ON recovery_requests (expires_at) WHERE state = 'open';

CREATE UNIQUE INDEX recovery_requests_one_open ON recovery_requests (person_id) WHERE state = 'open';

CREATE INDEX recovery_requests_person ON recovery_requests (person_id, created_at);

CREATE TRIGGER recovery_requests_begin BEFORE INSERT ON recovery_requests
WHEN NEW.state <> 'open' OR julianday(NEW.expires_at) > julianday(NEW.created_at) + 1.00001
BEGIN
  SELECT RAISE(ABORT, 'recovery request: begins open and lives a day at most');
END;

CREATE TRIGGER recovery_requests_guard BEFORE UPDATE ON recovery_requests
WHEN OLD.state <> 'open' OR NEW.id <> OLD.id OR NEW.workspace_id <> OLD.workspace_id OR NEW.person_id <> OLD.person_id
  OR NEW.session_hash <> OLD.session_hash OR NEW.approver_id <> OLD.approver_id OR NEW.words <> OLD.words
  OR NEW.created_at <> OLD.created_at OR NEW.expires_at > OLD.expires_at
BEGIN
  SELECT RAISE(ABORT, 'recovery request: it has ended, or a bound field would change');
END;

CREATE TABLE removal_counts (
    workspace_id text NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('members', 'roles')),
    minute       datetime NOT NULL,
    shard        integer NOT NULL,
    n            bigint NOT NULL,
    PRIMARY KEY (workspace_id, kind, minute, shard)
);

CREATE TABLE replicas (
    id         text NOT NULL PRIMARY KEY,
    host       text NOT NULL,
    keys       text NOT NULL,
    started_at datetime NOT NULL,
    seen_at    datetime NOT NULL
);

CREATE TABLE restores (
    id           text NOT NULL PRIMARY KEY,
    cut_at       datetime NOT NULL,
    operator     text NOT NULL,
    confirmed_at datetime,
    confirmed_by text NOT NULL DEFAULT ''
);

CREATE TABLE saml_assertions (
    workspace_id text NOT NULL REFERENCES workspaces (id),
    hash         blob NOT NULL,
    expires_at   datetime NOT NULL,
    PRIMARY KEY (workspace_id, hash)
);

CREATE INDEX saml_assertions_expires_at ON saml_assertions (expires_at);

CREATE TABLE saml_keys (
    id           text NOT NULL PRIMARY KEY,
    workspace_id text NOT NULL REFERENCES workspaces (id),
    signs        boolean NOT NULL,
    key_sealed   blob NOT NULL,
    certificate  blob NOT NULL,
    expires_at   datetime NOT NULL,
    created_at   datetime NOT NULL
);

CREATE UNIQUE INDEX saml_keys_one_each ON saml_keys (workspace_id, signs);

CREATE TABLE scim_rules (
    workspace_id text NOT NULL PRIMARY KEY REFERENCES workspaces (id),
    mapping      text NOT NULL DEFAULT '{}',
    roles        text NOT NULL DEFAULT '{}',
    guard        text NOT NULL DEFAULT '{}',
    offers_roles boolean NOT NULL DEFAULT false,
    updated_at   datetime NOT NULL
);

CREATE TABLE scim_rules_epoch (
    one   integer NOT NULL PRIMARY KEY CHECK (one = 1),
    epoch bigint NOT NULL
);

CREATE TABLE scim_schemas (
    id            text NOT NULL PRIMARY KEY,
    workspace_id  text NOT NULL REFERENCES workspaces (id),
    resource_type text NOT NULL CHECK (resource_type IN ('User', 'Group')),
    urn           text NOT NULL,
    urn_key       text NOT NULL,
    name          text NOT NULL,
    description   text NOT NULL DEFAULT '',
    attributes    text NOT NULL,
    created_at    datetime NOT NULL,
    created_by    text NOT NULL DEFAULT ''
);

CREATE UNIQUE INDEX scim_schemas_urn ON scim_schemas (workspace_id, urn_key);

CREATE TABLE scim_token_addresses (
    token_id   text NOT NULL REFERENCES scim_tokens (id),
    ip         text NOT NULL,
    client     text NOT NULL DEFAULT '',
    user_agent text NOT NULL DEFAULT '',
    first_at   datetime NOT NULL,
    last_at    datetime NOT NULL,
    refused_at datetime,
    PRIMARY KEY (token_id, ip)
);

CREATE INDEX scim_token_addresses_last_at ON scim_token_addresses (last_at);

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
    at           datetime NOT NULL,
    shown        integer NOT NULL DEFAULT 0,
    hidden       integer NOT NULL DEFAULT 0,
    copied       integer NOT NULL DEFAULT 0,
    copied_at    datetime,
    closed_at    datetime
);

CREATE INDEX scim_token_views_token ON scim_token_views (token_id, at);

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
, shown_at datetime, reason text NOT NULL DEFAULT '', note text NOT NULL DEFAULT '', replaces text NOT NULL DEFAULT '', replaced_at datetime, exposed boolean NOT NULL DEFAULT false, ended_by text NOT NULL DEFAULT '', warned_days integer, overlap_warned_at datetime, address_mode text NOT NULL DEFAULT 'off' CHECK (address_mode IN ('off', 'observe', 'enforce')), addresses text NOT NULL DEFAULT '');

CREATE UNIQUE INDEX scim_tokens_digest ON scim_tokens (digest);

CREATE INDEX scim_tokens_ending ON scim_tokens (valid_until) WHERE valid_until IS NOT NULL;

CREATE INDEX scim_tokens_expiring ON scim_tokens (expires_at) WHERE expires_at IS NOT NULL;

CREATE UNIQUE INDEX scim_tokens_one_active ON scim_tokens (workspace_id) WHERE state = 'active';

CREATE INDEX scim_tokens_workspace ON scim_tokens (workspace_id, created_at, id);

CREATE TABLE scim_totals (
    workspace_id text NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('people', 'teams')),
    shard        integer NOT NULL,
    total        bigint NOT NULL,
    PRIMARY KEY (workspace_id, kind, shard)
);

CREATE TABLE "server_keys" (
    kid              text NOT NULL PRIMARY KEY,
    purpose          text NOT NULL CHECK (purpose IN ('challenge', 'vapid', 'cursor', 'audit')),
    sealed           blob NOT NULL,
    public_key       blob NOT NULL,
    created_at       datetime NOT NULL,
    retired_at       datetime,
    successor        text NOT NULL DEFAULT '',
    announcement     blob,
    announcement_sig blob,
    ended_at         datetime
);

CREATE UNIQUE INDEX server_keys_one_current ON server_keys (purpose) WHERE retired_at IS NULL;

CREATE TABLE session_ends (
    session_hash blob NOT NULL,
    workspace_id text NOT NULL REFERENCES workspaces (id),
    ended_at     datetime NOT NULL,
    PRIMARY KEY (session_hash, workspace_id)
);

CREATE INDEX session_ends_ended_at ON session_ends (ended_at);

CREATE TABLE session_limits (
    workspace_id text NOT NULL PRIMARY KEY REFERENCES workspaces (id),
    idle_seconds bigint NOT NULL CHECK (idle_seconds > 0),
    life_seconds bigint NOT NULL CHECK (life_seconds > 0),
    changed_at   datetime NOT NULL
);

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
    user_agent   text NOT NULL DEFAULT '', method text NOT NULL DEFAULT 'password', sso_session_id text NOT NULL DEFAULT '',
    PRIMARY KEY (session_hash, workspace_id)
);

CREATE INDEX sign_ins_last_seen_at ON sign_ins (last_seen_at);

CREATE INDEX sign_ins_person ON sign_ins (person_id);

CREATE TABLE sso_domains (
    workspace_id text NOT NULL REFERENCES workspaces (id),
    domain       text NOT NULL,
    record       text NOT NULL,
    verified_at  datetime,
    created_at   datetime NOT NULL,
    PRIMARY KEY (workspace_id, domain)
);

CREATE TABLE sso_requests (
    hash         blob NOT NULL PRIMARY KEY,
    workspace_id text NOT NULL REFERENCES workspaces (id),
    version      bigint NOT NULL,
    browser      blob NOT NULL,
    nonce        text NOT NULL,
    verifier     text NOT NULL,
    return_to    text NOT NULL,
    tested_by    text NOT NULL DEFAULT '',
    expires_at   datetime NOT NULL
, outcome text NOT NULL DEFAULT '');

CREATE INDEX sso_requests_expires_at ON sso_requests (expires_at);

CREATE TABLE sso_sessions (
    id           text NOT NULL PRIMARY KEY,
    workspace_id text NOT NULL REFERENCES workspaces (id),
    issuer       text NOT NULL,
    hint_sealed  blob NOT NULL,
    expires_at   datetime NOT NULL
);

CREATE INDEX sso_sessions_expires_at ON sso_sessions (expires_at);

CREATE TABLE sso_subjects (
    workspace_id text NOT NULL REFERENCES workspaces (id),
    issuer       text NOT NULL,
    subject      text NOT NULL,
    person_id    text NOT NULL REFERENCES people (id),
    claim_value  text NOT NULL DEFAULT '',
    created_at   datetime NOT NULL,
    last_used_at datetime NOT NULL,
    PRIMARY KEY (workspace_id, issuer, subject)
);

CREATE INDEX sso_subjects_person ON sso_subjects (person_id);

CREATE TABLE sync_told (
    workspace_id text NOT NULL PRIMARY KEY REFERENCES workspaces(id),
    state        text NOT NULL,
    told_at      datetime NOT NULL
);

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
, alias text NOT NULL DEFAULT '', alias_key text NOT NULL DEFAULT '');

CREATE INDEX teams_alias ON teams (workspace_id, alias_key) WHERE alias_key <> '' AND deleted_at IS NULL;

CREATE INDEX teams_deleted ON teams (workspace_id, deleted_at, id) WHERE deleted_at IS NOT NULL;

CREATE UNIQUE INDEX teams_display_name ON teams (workspace_id, display_name_key) WHERE deleted_at IS NULL;

CREATE INDEX teams_external_id ON teams (workspace_id, external_id) WHERE deleted_at IS NULL;

CREATE INDEX teams_order ON teams (workspace_id, created_at, id) WHERE deleted_at IS NULL;

CREATE INDEX teams_to_forget ON teams (deleted_at, id) WHERE deleted_at IS NOT NULL;

CREATE TRIGGER teams_total_changed AFTER UPDATE OF source, deleted_at ON teams
    WHEN (OLD.source = 'directory' AND OLD.deleted_at IS NULL) <> (NEW.source = 'directory' AND NEW.deleted_at IS NULL) BEGIN
    INSERT INTO scim_totals (workspace_id, kind, shard, total)
        VALUES (NEW.workspace_id, 'teams', 0, CASE WHEN NEW.source = 'directory' AND NEW.deleted_at IS NULL THEN 1 ELSE -1 END)
        ON CONFLICT (workspace_id, kind, shard) DO UPDATE SET total = total + excluded.total;
END;

CREATE TRIGGER teams_total_deleted AFTER DELETE ON teams WHEN OLD.source = 'directory' AND OLD.deleted_at IS NULL BEGIN
    UPDATE scim_totals SET total = total - 1 WHERE workspace_id = OLD.workspace_id AND kind = 'teams' AND shard = 0;
END;

CREATE TRIGGER teams_total_inserted AFTER INSERT ON teams WHEN NEW.source = 'directory' AND NEW.deleted_at IS NULL BEGIN
    INSERT INTO scim_totals (workspace_id, kind, shard, total) VALUES (NEW.workspace_id, 'teams', 0, 1)
        ON CONFLICT (workspace_id, kind, shard) DO UPDATE SET total = total + 1;
END;

CREATE TABLE webhook_deliveries (
    id           text NOT NULL PRIMARY KEY,
    webhook_id   text NOT NULL REFERENCES webhooks(id) ON DELETE CASCADE,
    event_id     text NOT NULL,
    type         text NOT NULL,
    body         text NOT NULL,
    created_at   datetime NOT NULL,
    state        text NOT NULL CHECK (state IN ('waiting', 'delivered', 'failed')),
    attempts     integer NOT NULL DEFAULT 0,
    status       integer NOT NULL DEFAULT 0, -- of the last answer; 0 is none
    error        text NOT NULL DEFAULT '',
    took_ms      integer NOT NULL DEFAULT 0,
    tried_at     datetime
);

CREATE INDEX webhook_deliveries_age ON webhook_deliveries (created_at);

CREATE INDEX webhook_deliveries_webhook ON webhook_deliveries (webhook_id, created_at, id);

CREATE TABLE webhooks (
    id           text NOT NULL PRIMARY KEY,
    workspace_id text NOT NULL REFERENCES workspaces(id),
    url          text NOT NULL,
    events       text NOT NULL, -- beginnings of event types, such as "user."
    secret_sealed     blob NOT NULL,
    old_secret_sealed blob, -- signs beside the new one until old_until
    old_until    datetime,
    position     bigint NOT NULL, -- of the audit's chain, up to which events were handed on
    created_by   text NOT NULL,
    created_at   datetime NOT NULL,
    stopped_at   datetime,
    failing_at   datetime
);

CREATE INDEX webhooks_workspace ON webhooks (workspace_id, created_at, id);

CREATE TABLE workspaces (
    id                   text NOT NULL PRIMARY KEY,
    slug                 text NOT NULL,
    name                 text NOT NULL,
    confirmation_policy  text NOT NULL DEFAULT 'risk' CHECK (confirmation_policy IN ('risk', 'code', 'tap')),
    confirmation_seconds integer NOT NULL DEFAULT 300 CHECK (confirmation_seconds BETWEEN 60 AND 600),
    created_at           datetime NOT NULL
, show_once boolean NOT NULL DEFAULT false, two_admins boolean NOT NULL DEFAULT false, same_network boolean NOT NULL DEFAULT false, freeze_on_report boolean NOT NULL DEFAULT false, frozen_at datetime, frozen_by text NOT NULL DEFAULT '', passkeys boolean NOT NULL DEFAULT false, max_token_days integer NOT NULL DEFAULT 0);

CREATE UNIQUE INDEX workspaces_slug ON workspaces (slug);
