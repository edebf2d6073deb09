-- Written by `make schema`; do not edit. The schema as all migrations leave it.

CREATE TABLE api_keys (
    id text NOT NULL,
    workspace_id text NOT NULL,
    person_id text NOT NULL,
    name text NOT NULL,
    digest bytea NOT NULL,
    hint text NOT NULL,
    scopes text NOT NULL,
    confirmation_id text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    first_used_at timestamp with time zone,
    last_used_at timestamp with time zone,
    last_used_ip text NOT NULL DEFAULT ''::text,
    warned_at timestamp with time zone,
    ended_at timestamp with time zone,
    ended_because text NOT NULL DEFAULT ''::text,
    CONSTRAINT api_keys_pkey PRIMARY KEY (id),
    CONSTRAINT api_keys_check CHECK (((ended_at IS NULL) = (ended_because = ''::text))),
    CONSTRAINT api_keys_ended_because_check CHECK ((ended_because = ANY (ARRAY[''::text, 'revoked'::text, 'expired'::text, 'deactivated'::text, 'role'::text]))),
    CONSTRAINT api_keys_person_id_fkey FOREIGN KEY (person_id) REFERENCES people(id),
    CONSTRAINT api_keys_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

CREATE UNIQUE INDEX api_keys_confirmation ON api_keys USING btree (confirmation_id);

CREATE UNIQUE INDEX api_keys_digest ON api_keys USING btree (digest);

CREATE INDEX api_keys_person ON api_keys USING btree (person_id) WHERE (ended_at IS NULL);

CREATE INDEX api_keys_sweep ON api_keys USING btree (expires_at) WHERE (ended_at IS NULL);

CREATE INDEX api_keys_workspace ON api_keys USING btree (workspace_id, created_at);

CREATE TRIGGER api_keys_guard BEFORE UPDATE ON api_keys FOR EACH ROW EXECUTE FUNCTION api_keys_guard();

CREATE TABLE approvals (
    confirmation_id text NOT NULL,
    person_id text NOT NULL,
    person_name text NOT NULL,
    device_id text NOT NULL,
    device_name text NOT NULL,
    response bytea NOT NULL,
    sig bytea NOT NULL,
    approved_at timestamp with time zone NOT NULL,
    CONSTRAINT approvals_pkey PRIMARY KEY (confirmation_id, person_id),
    CONSTRAINT approvals_confirmation_id_fkey FOREIGN KEY (confirmation_id) REFERENCES confirmations(id),
    CONSTRAINT approvals_device_id_fkey FOREIGN KEY (device_id) REFERENCES devices(id),
    CONSTRAINT approvals_person_id_fkey FOREIGN KEY (person_id) REFERENCES people(id)
);

CREATE INDEX approvals_device ON approvals USING btree (device_id);

CREATE INDEX approvals_person ON approvals USING btree (person_id);

CREATE TRIGGER approvals_guard BEFORE INSERT OR DELETE OR UPDATE ON approvals FOR EACH ROW EXECUTE FUNCTION approvals_guard();

CREATE TABLE audit_chains (
    workspace_id text NOT NULL,
    position bigint NOT NULL,
    head bytea NOT NULL,
    retention_days integer NOT NULL DEFAULT 400,
    pruned_to bigint NOT NULL DEFAULT 0,
    pruned_hash bytea,
    pruned_at timestamp with time zone,
    pruned_kid text NOT NULL DEFAULT ''::text,
    pruned_sig bytea,
    CONSTRAINT audit_chains_pkey PRIMARY KEY (workspace_id)
);

CREATE TRIGGER audit_chains_guard BEFORE UPDATE ON audit_chains FOR EACH ROW WHEN (((new.workspace_id <> old.workspace_id) OR (new."position" < old."position") OR (new.pruned_to < old.pruned_to) OR (new.pruned_to > old."position"))) EXECUTE FUNCTION audit_refused();

CREATE TRIGGER audit_chains_kept BEFORE DELETE ON audit_chains FOR EACH ROW EXECUTE FUNCTION audit_refused();

CREATE TRIGGER audit_chains_whole BEFORE TRUNCATE ON audit_chains FOR EACH STATEMENT EXECUTE FUNCTION audit_refused();

CREATE TABLE audit_events (
    id text NOT NULL,
    workspace_id text NOT NULL,
    at timestamp with time zone NOT NULL,
    event text NOT NULL,
    actor_kind text NOT NULL,
    actor_id text NOT NULL DEFAULT ''::text,
    actor_name text NOT NULL DEFAULT ''::text,
    subject text NOT NULL DEFAULT ''::text,
    ip text NOT NULL DEFAULT ''::text,
    user_agent text NOT NULL DEFAULT ''::text,
    detail jsonb NOT NULL DEFAULT '{}'::jsonb,
    position bigint,
    hash bytea,
    salt bytea,
    who_hash bytea,
    what_hash bytea,
    area text NOT NULL DEFAULT ''::text,
    CONSTRAINT audit_events_pkey PRIMARY KEY (id)
);

CREATE INDEX audit_events_actor ON audit_events USING btree (workspace_id, actor_id, at, id) WHERE ("position" IS NOT NULL);

CREATE INDEX audit_events_area ON audit_events USING btree (workspace_id, area, at, id) WHERE ("position" IS NOT NULL);

CREATE INDEX audit_events_order ON audit_events USING btree (workspace_id, at, id);

CREATE UNIQUE INDEX audit_events_position ON audit_events USING btree (workspace_id, "position") WHERE ("position" IS NOT NULL);

CREATE INDEX audit_events_subject ON audit_events USING btree (workspace_id, subject, at, id) WHERE ("position" IS NOT NULL);

CREATE INDEX audit_events_unsealed ON audit_events USING btree (workspace_id, at, id) WHERE ("position" IS NULL);

CREATE TRIGGER audit_events_begin BEFORE INSERT ON audit_events FOR EACH ROW WHEN ((new."position" IS NOT NULL)) EXECUTE FUNCTION audit_refused();

CREATE TRIGGER audit_events_guard BEFORE UPDATE ON audit_events FOR EACH ROW WHEN (((new.id <> old.id) OR (new.workspace_id <> old.workspace_id) OR (new.at <> old.at) OR (new.event <> old.event) OR (new.actor_kind <> old.actor_kind) OR (new.actor_id <> old.actor_id) OR (new.subject <> old.subject) OR (new."position" IS NULL) OR ((old."position" IS NOT NULL) AND ((new."position" <> old."position") OR (new.hash IS DISTINCT FROM old.hash) OR (new.area <> old.area))) OR (((new.actor_name <> old.actor_name) OR (new.ip <> old.ip) OR (new.user_agent <> old.user_agent)) AND ((old."position" IS NULL) OR (new.who_hash IS NULL) OR (new.actor_name <> ''::text) OR (new.ip <> ''::text) OR (new.user_agent <> ''::text))) OR ((new.detail <> old.detail) AND ((old."position" IS NULL) OR (new.what_hash IS NULL) OR (new.detail <> '{}'::jsonb))))) EXECUTE FUNCTION audit_refused();

CREATE TRIGGER audit_events_kept BEFORE DELETE ON audit_events FOR EACH ROW EXECUTE FUNCTION audit_events_kept();

CREATE TRIGGER audit_events_whole BEFORE TRUNCATE ON audit_events FOR EACH STATEMENT EXECUTE FUNCTION audit_refused();

CREATE TABLE audit_exports (
    id text NOT NULL,
    workspace_id text NOT NULL,
    person_id text NOT NULL,
    format text NOT NULL,
    query jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT audit_exports_pkey PRIMARY KEY (id),
    CONSTRAINT audit_exports_format_check CHECK ((format = ANY (ARRAY['csv'::text, 'jsonl'::text, 'signed'::text])))
);

CREATE INDEX audit_exports_expiry ON audit_exports USING btree (expires_at);

CREATE TABLE audit_seals (
    workspace_id text NOT NULL,
    last bigint NOT NULL,
    first bigint NOT NULL,
    head bytea NOT NULL,
    sealed_at timestamp with time zone NOT NULL,
    kid text NOT NULL,
    sig bytea NOT NULL,
    CONSTRAINT audit_seals_pkey PRIMARY KEY (workspace_id, last)
);

CREATE TRIGGER audit_seals_guard BEFORE UPDATE ON audit_seals FOR EACH ROW EXECUTE FUNCTION audit_refused();

CREATE TRIGGER audit_seals_kept BEFORE DELETE ON audit_seals FOR EACH ROW EXECUTE FUNCTION audit_seals_kept();

CREATE TRIGGER audit_seals_whole BEFORE TRUNCATE ON audit_seals FOR EACH STATEMENT EXECUTE FUNCTION audit_refused();

CREATE TABLE certificate_warnings (
    workspace_id text NOT NULL,
    fingerprint text NOT NULL,
    days bigint NOT NULL,
    warned_at timestamp with time zone NOT NULL,
    CONSTRAINT certificate_warnings_pkey PRIMARY KEY (workspace_id, fingerprint),
    CONSTRAINT certificate_warnings_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

CREATE TABLE challenges (
    confirmation_id text NOT NULL,
    device_id text NOT NULL,
    challenge text NOT NULL,
    server_sig bytea NOT NULL,
    kid text NOT NULL,
    delivery text NOT NULL DEFAULT 'queued'::text,
    delivery_at timestamp with time zone NOT NULL,
    detail text NOT NULL DEFAULT ''::text,
    CONSTRAINT challenges_pkey PRIMARY KEY (confirmation_id, device_id),
    CONSTRAINT challenges_delivery_check CHECK ((delivery = ANY (ARRAY['queued'::text, 'sent'::text, 'failed'::text, 'pulled'::text, 'opened'::text]))),
    CONSTRAINT challenges_confirmation_id_fkey FOREIGN KEY (confirmation_id) REFERENCES confirmations(id),
    CONSTRAINT challenges_device_id_fkey FOREIGN KEY (device_id) REFERENCES devices(id)
);

CREATE INDEX challenges_device ON challenges USING btree (device_id);

CREATE TABLE confirmation_people (
    person_id text NOT NULL,
    wrong_codes integer NOT NULL DEFAULT 0,
    pushes integer NOT NULL DEFAULT 0,
    locks integer NOT NULL DEFAULT 0,
    locked_until timestamp with time zone,
    denied_at timestamp with time zone,
    last_network text NOT NULL DEFAULT ''::text,
    CONSTRAINT confirmation_people_pkey PRIMARY KEY (person_id),
    CONSTRAINT confirmation_people_person_id_fkey FOREIGN KEY (person_id) REFERENCES people(id)
);

CREATE TABLE confirmations (
    id text NOT NULL,
    workspace_id text NOT NULL,
    person_id text NOT NULL,
    session_hash bytea NOT NULL,
    browser_hash bytea,
    network text NOT NULL DEFAULT ''::text,
    action text NOT NULL,
    resource text NOT NULL DEFAULT ''::text,
    params bytea,
    mode text NOT NULL,
    code_sealed bytea,
    context text NOT NULL,
    state text NOT NULL,
    reason text NOT NULL DEFAULT ''::text,
    version bigint NOT NULL DEFAULT 1,
    wrong_codes integer NOT NULL DEFAULT 0,
    last_wrong bytea,
    resends integer NOT NULL DEFAULT 0,
    pushed_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    decided_at timestamp with time zone,
    decided_by text,
    decided_name text NOT NULL DEFAULT ''::text,
    decided_response bytea,
    decided_sig bytea,
    consumed_at timestamp with time zone,
    seen_shown integer NOT NULL DEFAULT 0,
    seen_hidden integer NOT NULL DEFAULT 0,
    seen_copied integer NOT NULL DEFAULT 0,
    seen_closed integer NOT NULL DEFAULT 0,
    approvals_needed integer NOT NULL DEFAULT 1,
    reported_at timestamp with time zone,
    decided_how text NOT NULL DEFAULT 'phone'::text,
    CONSTRAINT confirmations_pkey PRIMARY KEY (id),
    CONSTRAINT confirmations_approvals_needed_check CHECK ((approvals_needed = ANY (ARRAY[1, 2]))),
    CONSTRAINT confirmations_check CHECK (((state = 'consumed'::text) = (consumed_at IS NOT NULL))),
    CONSTRAINT confirmations_check1 CHECK (((state <> ALL (ARRAY['approved'::text, 'consumed'::text])) OR (decided_sig IS NOT NULL))),
    CONSTRAINT confirmations_check2 CHECK (((state = 'pending'::text) OR (code_sealed IS NULL))),
    CONSTRAINT confirmations_decided_how_check CHECK ((decided_how = ANY (ARRAY['phone'::text, 'passkey'::text]))),
    CONSTRAINT confirmations_mode_check CHECK ((mode = ANY (ARRAY['tap'::text, 'code'::text]))),
    CONSTRAINT confirmations_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'approved'::text, 'denied'::text, 'expired'::text, 'cancelled'::text, 'consumed'::text]))),
    CONSTRAINT confirmations_ten_minutes CHECK ((expires_at <= (created_at + '00:10:00'::interval))),
    CONSTRAINT confirmations_person_id_fkey FOREIGN KEY (person_id) REFERENCES people(id),
    CONSTRAINT confirmations_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

CREATE UNIQUE INDEX confirmations_one_live ON confirmations USING btree (session_hash, workspace_id, action, resource) WHERE (state = 'pending'::text);

CREATE INDEX confirmations_person_live ON confirmations USING btree (person_id) WHERE (state = ANY (ARRAY['pending'::text, 'approved'::text]));

CREATE INDEX confirmations_person_recent ON confirmations USING btree (person_id, created_at);

CREATE INDEX confirmations_sweep ON confirmations USING btree (expires_at) WHERE (state = ANY (ARRAY['pending'::text, 'approved'::text]));

CREATE TRIGGER confirmations_evidence BEFORE UPDATE ON confirmations FOR EACH ROW WHEN ((old.decided_how <> new.decided_how)) EXECUTE FUNCTION confirmations_evidence();

CREATE TRIGGER confirmations_guard BEFORE UPDATE ON confirmations FOR EACH ROW EXECUTE FUNCTION confirmations_guard();

CREATE TRIGGER confirmations_quorum BEFORE UPDATE ON confirmations FOR EACH ROW WHEN (((old.approvals_needed > 1) OR (new.approvals_needed > 1))) EXECUTE FUNCTION confirmations_quorum();

CREATE TABLE counters (
    key text NOT NULL,
    count bigint NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT counters_pkey PRIMARY KEY (key)
);

CREATE INDEX counters_expires_at ON counters USING btree (expires_at);

CREATE TABLE device_keys (
    key_hash bytea NOT NULL,
    device_id text NOT NULL,
    CONSTRAINT device_keys_pkey PRIMARY KEY (key_hash)
);

CREATE TABLE device_requests (
    device_id text NOT NULL,
    jti bytea NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT device_requests_pkey PRIMARY KEY (device_id, jti)
);

CREATE INDEX device_requests_expires_at ON device_requests USING btree (expires_at);

CREATE TABLE devices (
    id text NOT NULL,
    workspace_id text NOT NULL,
    person_id text NOT NULL,
    name text NOT NULL,
    platform text NOT NULL,
    os text NOT NULL DEFAULT ''::text,
    app text NOT NULL DEFAULT ''::text,
    uv_key bytea NOT NULL,
    poll_key bytea NOT NULL,
    key_protection text NOT NULL DEFAULT 'unknown'::text,
    state text NOT NULL,
    push_kind text NOT NULL DEFAULT ''::text,
    push_key text,
    push_address text NOT NULL DEFAULT ''::text,
    push_state text NOT NULL DEFAULT 'none'::text,
    push_detail text NOT NULL DEFAULT ''::text,
    push_registered_at timestamp with time zone,
    push_delivered_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    activated_at timestamp with time zone,
    last_seen_at timestamp with time zone,
    removed_at timestamp with time zone,
    removed_reason text NOT NULL DEFAULT ''::text,
    server_kid text NOT NULL DEFAULT ''::text,
    vapid_kid text NOT NULL DEFAULT ''::text,
    CONSTRAINT devices_pkey PRIMARY KEY (id),
    CONSTRAINT devices_platform_check CHECK ((platform = ANY (ARRAY['ios'::text, 'android'::text, 'web'::text]))),
    CONSTRAINT devices_push_state_check CHECK ((push_state = ANY (ARRAY['none'::text, 'registered'::text, 'working'::text, 'failing'::text, 'dead'::text]))),
    CONSTRAINT devices_state_check CHECK ((state = ANY (ARRAY['claimed'::text, 'matched'::text, 'active'::text, 'removed'::text]))),
    CONSTRAINT devices_person_id_fkey FOREIGN KEY (person_id) REFERENCES people(id),
    CONSTRAINT devices_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

CREATE INDEX devices_person ON devices USING btree (person_id, state);

CREATE UNIQUE INDEX devices_push_key ON devices USING btree (push_key) WHERE (push_key IS NOT NULL);

CREATE TABLE held_items (
    removal_id text NOT NULL,
    workspace_id text NOT NULL,
    person_id text NOT NULL,
    team_id text NOT NULL DEFAULT ''::text,
    role text NOT NULL DEFAULT ''::text,
    at timestamp with time zone NOT NULL,
    outcome text NOT NULL DEFAULT ''::text,
    CONSTRAINT held_items_pkey PRIMARY KEY (removal_id, person_id, team_id),
    CONSTRAINT held_items_removal_id_fkey FOREIGN KEY (removal_id) REFERENCES held_removals(id)
);

CREATE INDEX held_items_person ON held_items USING btree (workspace_id, person_id, team_id);

CREATE INDEX held_items_team ON held_items USING btree (workspace_id, team_id);

CREATE TABLE held_removals (
    id text NOT NULL,
    workspace_id text NOT NULL,
    kind text NOT NULL,
    state text NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    opened_by text NOT NULL DEFAULT ''::text,
    reason text NOT NULL DEFAULT ''::text,
    decided_at timestamp with time zone,
    decided_by text NOT NULL DEFAULT ''::text,
    CONSTRAINT held_removals_pkey PRIMARY KEY (id),
    CONSTRAINT held_removals_kind_check CHECK ((kind = ANY (ARRAY['people'::text, 'members'::text, 'roles'::text]))),
    CONSTRAINT held_removals_state_check CHECK ((state = ANY (ARRAY['held'::text, 'allowed'::text, 'kept'::text]))),
    CONSTRAINT held_removals_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

CREATE INDEX held_removals_decided ON held_removals USING btree (decided_at, id) WHERE (decided_at IS NOT NULL);

CREATE UNIQUE INDEX held_removals_one_open ON held_removals USING btree (workspace_id, kind) WHERE (state = 'held'::text);

CREATE INDEX held_removals_order ON held_removals USING btree (workspace_id, opened_at, id);

CREATE TABLE identity_providers (
    workspace_id text NOT NULL,
    kind text NOT NULL,
    preset text NOT NULL,
    name text NOT NULL,
    issuer text NOT NULL,
    client_id text NOT NULL DEFAULT ''::text,
    secret_sealed bytea NOT NULL,
    metadata text NOT NULL DEFAULT ''::text,
    claim text NOT NULL,
    link_by text NOT NULL,
    jit boolean NOT NULL DEFAULT false,
    active boolean NOT NULL DEFAULT false,
    enforced boolean NOT NULL DEFAULT false,
    version bigint NOT NULL DEFAULT 1,
    last_test jsonb,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    metadata_url text NOT NULL DEFAULT ''::text,
    metadata_read_at timestamp with time zone,
    metadata_tried_at timestamp with time zone,
    metadata_fault text NOT NULL DEFAULT ''::text,
    CONSTRAINT identity_providers_pkey PRIMARY KEY (workspace_id),
    CONSTRAINT identity_providers_check CHECK ((active OR (NOT enforced))),
    CONSTRAINT identity_providers_kind_check CHECK ((kind = ANY (ARRAY['oidc'::text, 'saml'::text]))),
    CONSTRAINT identity_providers_link_by_check CHECK ((link_by = ANY (ARRAY['user_name'::text, 'external_id'::text]))),
    CONSTRAINT identity_providers_preset_check CHECK ((preset = ANY (ARRAY['entra'::text, 'okta'::text, 'other'::text]))),
    CONSTRAINT identity_providers_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

CREATE TABLE known_browsers (
    person_id text NOT NULL,
    browser_hash bytea NOT NULL,
    since timestamp with time zone NOT NULL,
    CONSTRAINT known_browsers_pkey PRIMARY KEY (person_id, browser_hash),
    CONSTRAINT known_browsers_person_id_fkey FOREIGN KEY (person_id) REFERENCES people(id)
);

CREATE TABLE notices (
    id text NOT NULL,
    workspace_id text NOT NULL,
    person_id text NOT NULL,
    kind text NOT NULL,
    params jsonb NOT NULL DEFAULT '{}'::jsonb,
    created_at timestamp with time zone NOT NULL,
    seen_at timestamp with time zone,
    handed_on_at timestamp with time zone,
    CONSTRAINT notices_pkey PRIMARY KEY (id),
    CONSTRAINT notices_person_id_fkey FOREIGN KEY (person_id) REFERENCES people(id),
    CONSTRAINT notices_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

CREATE INDEX notices_age ON notices USING btree (created_at);

CREATE INDEX notices_person ON notices USING btree (person_id, created_at, id);

CREATE INDEX notices_untold ON notices USING btree (created_at, id) WHERE (handed_on_at IS NULL);

CREATE TABLE notification_settings (
    workspace_id text NOT NULL,
    language text NOT NULL DEFAULT 'en'::text,
    off jsonb NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT notification_settings_pkey PRIMARY KEY (workspace_id),
    CONSTRAINT notification_settings_language_check CHECK ((language = ANY (ARRAY['en'::text, 'de'::text]))),
    CONSTRAINT notification_settings_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

CREATE TABLE offboardings (
    id text NOT NULL,
    workspace_id text NOT NULL,
    person_id text NOT NULL,
    person_name text NOT NULL,
    user_name text NOT NULL,
    cause text NOT NULL,
    actor_kind text NOT NULL,
    actor_id text NOT NULL DEFAULT ''::text,
    actor_name text NOT NULL DEFAULT ''::text,
    requested_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone NOT NULL,
    ended jsonb NOT NULL DEFAULT '[]'::jsonb,
    CONSTRAINT offboardings_pkey PRIMARY KEY (id),
    CONSTRAINT offboardings_cause_check CHECK ((cause = ANY (ARRAY['deactivated'::text, 'deleted'::text]))),
    CONSTRAINT offboardings_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

CREATE INDEX offboardings_ended ON offboardings USING btree (ended_at, id);

CREATE INDEX offboardings_order ON offboardings USING btree (workspace_id, ended_at, id);

CREATE INDEX offboardings_person ON offboardings USING btree (workspace_id, person_id, ended_at);

CREATE TABLE outbox (
    id text NOT NULL,
    kind text NOT NULL,
    payload bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    run_at timestamp with time zone NOT NULL,
    give_up_at timestamp with time zone NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    lease_until timestamp with time zone,
    dead_at timestamp with time zone,
    last_error text NOT NULL DEFAULT ''::text,
    CONSTRAINT outbox_pkey PRIMARY KEY (id)
);

CREATE INDEX outbox_due ON outbox USING btree (run_at) WHERE (dead_at IS NULL);

CREATE TABLE ownership_takeovers (
    id text NOT NULL,
    workspace_id text NOT NULL,
    owner_id text NOT NULL,
    state text NOT NULL,
    frozen_at timestamp with time zone NOT NULL,
    candidate_id text NOT NULL DEFAULT ''::text,
    proposed_by text NOT NULL DEFAULT ''::text,
    proposed_at timestamp with time zone,
    approved_by text NOT NULL DEFAULT ''::text,
    ended_at timestamp with time zone,
    CONSTRAINT ownership_takeovers_pkey PRIMARY KEY (id),
    CONSTRAINT ownership_takeovers_state_check CHECK ((state = ANY (ARRAY['frozen'::text, 'returned'::text, 'taken_over'::text]))),
    CONSTRAINT ownership_takeovers_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

CREATE UNIQUE INDEX ownership_takeovers_one_open ON ownership_takeovers USING btree (workspace_id) WHERE (state = 'frozen'::text);

CREATE TABLE ownership_transfers (
    id text NOT NULL,
    workspace_id text NOT NULL,
    from_id text NOT NULL,
    to_id text NOT NULL,
    state text NOT NULL,
    reason text NOT NULL DEFAULT ''::text,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    CONSTRAINT ownership_transfers_pkey PRIMARY KEY (id),
    CONSTRAINT ownership_transfers_check CHECK ((from_id <> to_id)),
    CONSTRAINT ownership_transfers_check1 CHECK (((state = 'open'::text) = (ended_at IS NULL))),
    CONSTRAINT ownership_transfers_state_check CHECK ((state = ANY (ARRAY['open'::text, 'done'::text, 'declined'::text, 'cancelled'::text, 'expired'::text]))),
    CONSTRAINT ownership_transfers_from_id_fkey FOREIGN KEY (from_id) REFERENCES people(id),
    CONSTRAINT ownership_transfers_to_id_fkey FOREIGN KEY (to_id) REFERENCES people(id),
    CONSTRAINT ownership_transfers_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

CREATE UNIQUE INDEX ownership_transfers_open ON ownership_transfers USING btree (workspace_id) WHERE (state = 'open'::text);

CREATE INDEX ownership_transfers_sweep ON ownership_transfers USING btree (expires_at) WHERE (state = 'open'::text);

CREATE TRIGGER ownership_transfers_guard BEFORE UPDATE ON ownership_transfers FOR EACH ROW EXECUTE FUNCTION ownership_transfers_guard();

CREATE TABLE pairings (
    id text NOT NULL,
    workspace_id text NOT NULL,
    person_id text NOT NULL,
    session_hash bytea NOT NULL,
    browser_hash bytea,
    network text NOT NULL DEFAULT ''::text,
    secret_hash bytea NOT NULL,
    code_hash bytea NOT NULL,
    state text NOT NULL,
    wrong_secrets integer NOT NULL DEFAULT 0,
    device_id text,
    sas text NOT NULL DEFAULT ''::text,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    recovery bytea,
    CONSTRAINT pairings_pkey PRIMARY KEY (id),
    CONSTRAINT pairings_state_check CHECK ((state = ANY (ARRAY['open'::text, 'claimed'::text, 'matched'::text, 'active'::text, 'refused'::text, 'expired'::text]))),
    CONSTRAINT pairings_device_id_fkey FOREIGN KEY (device_id) REFERENCES devices(id),
    CONSTRAINT pairings_person_id_fkey FOREIGN KEY (person_id) REFERENCES people(id),
    CONSTRAINT pairings_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

CREATE INDEX pairings_code ON pairings USING btree (code_hash);

CREATE INDEX pairings_device ON pairings USING btree (device_id);

CREATE INDEX pairings_person ON pairings USING btree (person_id, state);

CREATE TABLE passkey_ceremonies (
    hash bytea NOT NULL,
    purpose text NOT NULL,
    bound_to bytea NOT NULL,
    person_id text NOT NULL DEFAULT ''::text,
    data bytea NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT passkey_ceremonies_pkey PRIMARY KEY (hash),
    CONSTRAINT passkey_ceremonies_purpose_check CHECK ((purpose = ANY (ARRAY['add'::text, 'sign_in'::text, 'verify'::text, 'confirm'::text])))
);

CREATE INDEX passkey_ceremonies_expires_at ON passkey_ceremonies USING btree (expires_at);

CREATE TABLE passkeys (
    id text NOT NULL,
    workspace_id text NOT NULL,
    person_id text NOT NULL,
    rp_id text NOT NULL,
    credential_id bytea NOT NULL,
    credential jsonb NOT NULL,
    name text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    last_used_at timestamp with time zone,
    CONSTRAINT passkeys_pkey PRIMARY KEY (id),
    CONSTRAINT passkeys_person_id_fkey FOREIGN KEY (person_id) REFERENCES people(id),
    CONSTRAINT passkeys_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

CREATE UNIQUE INDEX passkeys_credential ON passkeys USING btree (credential_id);

CREATE INDEX passkeys_person ON passkeys USING btree (person_id, created_at);

CREATE TABLE password_links (
    secret_hash bytea NOT NULL,
    workspace_id text NOT NULL,
    person_id text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone,
    CONSTRAINT password_links_pkey PRIMARY KEY (secret_hash),
    CONSTRAINT password_links_person_id_fkey FOREIGN KEY (person_id) REFERENCES people(id),
    CONSTRAINT password_links_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

CREATE INDEX password_links_expires_at ON password_links USING btree (expires_at);

CREATE INDEX password_links_person ON password_links USING btree (person_id);

CREATE TABLE passwords (
    person_id text NOT NULL,
    hash text NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    last_used_at timestamp with time zone,
    CONSTRAINT passwords_pkey PRIMARY KEY (person_id),
    CONSTRAINT passwords_person_id_fkey FOREIGN KEY (person_id) REFERENCES people(id)
);

CREATE TABLE people (
    id text NOT NULL,
    workspace_id text NOT NULL,
    source text NOT NULL,
    role text NOT NULL,
    active boolean NOT NULL DEFAULT true,
    user_name text NOT NULL,
    user_name_key text NOT NULL,
    name text NOT NULL,
    email text NOT NULL DEFAULT ''::text,
    email_key text NOT NULL DEFAULT ''::text,
    external_id text,
    attributes jsonb NOT NULL DEFAULT '{}'::jsonb,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    deleted_at timestamp with time zone,
    name_key text NOT NULL DEFAULT ''::text,
    manager_id text,
    search jsonb NOT NULL DEFAULT '{}'::jsonb,
    role_mapped boolean NOT NULL DEFAULT false,
    active_before boolean NOT NULL DEFAULT false,
    forgotten_at timestamp with time zone,
    CONSTRAINT people_pkey PRIMARY KEY (id),
    CONSTRAINT people_role_check CHECK ((role = ANY (ARRAY['owner'::text, 'super_admin'::text, 'admin'::text, 'user'::text, 'guest'::text]))),
    CONSTRAINT people_source_check CHECK ((source = ANY (ARRAY['local'::text, 'directory'::text]))),
    CONSTRAINT people_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

CREATE INDEX people_admins ON people USING btree (workspace_id, active) WHERE ((role = ANY (ARRAY['owner'::text, 'super_admin'::text, 'admin'::text])) AND (deleted_at IS NULL));

CREATE INDEX people_deleted ON people USING btree (workspace_id, deleted_at, id) WHERE (deleted_at IS NOT NULL);

CREATE INDEX people_email ON people USING btree (workspace_id, email_key) WHERE (deleted_at IS NULL);

CREATE INDEX people_external_id ON people USING btree (workspace_id, external_id) WHERE (deleted_at IS NULL);

CREATE INDEX people_gone_email ON people USING btree (workspace_id, email_key, id) WHERE ((deleted_at IS NOT NULL) AND (forgotten_at IS NULL));

CREATE INDEX people_gone_external_id ON people USING btree (workspace_id, external_id) WHERE (deleted_at IS NOT NULL);

CREATE INDEX people_gone_name ON people USING btree (workspace_id, name_key, id) WHERE ((deleted_at IS NOT NULL) AND (forgotten_at IS NULL));

CREATE INDEX people_gone_user_name ON people USING btree (workspace_id, user_name_key) WHERE (deleted_at IS NOT NULL);

CREATE INDEX people_guests ON people USING btree (workspace_id, role, created_at, id) WHERE ((role = 'guest'::text) AND (deleted_at IS NULL));

CREATE INDEX people_inactive ON people USING btree (workspace_id, active, created_at, id, source) WHERE ((active = false) AND (deleted_at IS NULL));

CREATE INDEX people_local ON people USING btree (workspace_id, source, created_at, id) WHERE ((source = 'local'::text) AND (deleted_at IS NULL));

CREATE INDEX people_name ON people USING btree (workspace_id, name_key) WHERE (deleted_at IS NULL);

CREATE UNIQUE INDEX people_one_owner ON people USING btree (workspace_id) WHERE ((role = 'owner'::text) AND (deleted_at IS NULL));

CREATE INDEX people_order ON people USING btree (workspace_id, created_at, id) WHERE (deleted_at IS NULL);

CREATE INDEX people_role_mapped ON people USING btree (workspace_id) WHERE (role_mapped AND (deleted_at IS NULL));

CREATE INDEX people_to_forget ON people USING btree (deleted_at, id) WHERE ((deleted_at IS NOT NULL) AND (forgotten_at IS NULL));

CREATE UNIQUE INDEX people_user_name ON people USING btree (workspace_id, user_name_key) WHERE (deleted_at IS NULL);

CREATE TRIGGER people_total_changed AFTER UPDATE OF source, deleted_at ON people FOR EACH ROW WHEN (((((old.source = 'directory'::text) AND (old.deleted_at IS NULL)) <> ((new.source = 'directory'::text) AND (new.deleted_at IS NULL))) AND (COALESCE(current_setting('countersign.counts'::text, true), ''::text) <> 'itself'::text))) EXECUTE FUNCTION scim_totals_changed();

CREATE TRIGGER people_total_deleted AFTER DELETE ON people FOR EACH ROW WHEN (((old.source = 'directory'::text) AND (old.deleted_at IS NULL))) EXECUTE FUNCTION scim_totals_deleted();

CREATE TRIGGER people_total_inserted AFTER INSERT ON people REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION scim_totals_inserted();

CREATE TABLE person_emails (
    person_id text NOT NULL,
    value_key text NOT NULL,
    workspace_id text NOT NULL,
    CONSTRAINT person_emails_pkey PRIMARY KEY (person_id, value_key),
    CONSTRAINT person_emails_person_id_fkey FOREIGN KEY (person_id) REFERENCES people(id)
);

CREATE INDEX person_emails_value ON person_emails USING btree (workspace_id, value_key);

CREATE TABLE provisioning_awake (
    since timestamp with time zone NOT NULL,
    until timestamp with time zone NOT NULL,
    CONSTRAINT provisioning_awake_pkey PRIMARY KEY (since)
);

CREATE INDEX provisioning_awake_until ON provisioning_awake USING btree (until);

CREATE TABLE provisioning_keeping (
    workspace_id text NOT NULL,
    retention_days integer NOT NULL DEFAULT 180,
    unsealed_to text NOT NULL DEFAULT ''::text,
    CONSTRAINT provisioning_keeping_pkey PRIMARY KEY (workspace_id),
    CONSTRAINT provisioning_keeping_retention_days_check CHECK (((retention_days >= 30) AND (retention_days <= 730))),
    CONSTRAINT provisioning_keeping_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

CREATE TABLE provisioning_log (
    workspace_id text NOT NULL,
    id text NOT NULL,
    at timestamp with time zone NOT NULL,
    last_at timestamp with time zone NOT NULL,
    times integer NOT NULL DEFAULT 1,
    result text NOT NULL,
    operation text NOT NULL,
    event text NOT NULL DEFAULT ''::text,
    status integer NOT NULL,
    code text NOT NULL DEFAULT ''::text,
    sentence text NOT NULL,
    subject_kind text NOT NULL DEFAULT ''::text,
    subject_id text NOT NULL DEFAULT ''::text,
    subject_key text NOT NULL DEFAULT ''::text,
    subject_name text NOT NULL DEFAULT ''::text,
    member_id text NOT NULL DEFAULT ''::text,
    token_id text NOT NULL DEFAULT ''::text,
    token_hint text NOT NULL DEFAULT ''::text,
    client text NOT NULL DEFAULT ''::text,
    client_basis text NOT NULL DEFAULT ''::text,
    replayed_by text NOT NULL DEFAULT ''::text,
    replay_of text NOT NULL DEFAULT ''::text,
    bulk_id text NOT NULL DEFAULT ''::text,
    method text NOT NULL,
    target text NOT NULL,
    request_id text NOT NULL DEFAULT ''::text,
    ip text NOT NULL DEFAULT ''::text,
    user_agent text NOT NULL DEFAULT ''::text,
    took_us bigint NOT NULL DEFAULT 0,
    added bigint NOT NULL DEFAULT 0,
    removed bigint NOT NULL DEFAULT 0,
    unknown bigint NOT NULL DEFAULT 0,
    fold_key text NOT NULL DEFAULT ''::text,
    resolved_at timestamp with time zone,
    resolved_by text NOT NULL DEFAULT ''::text,
    search text NOT NULL DEFAULT ''::text,
    detail text NOT NULL DEFAULT ''::text,
    changes text,
    request text,
    response text,
    sealed bytea,
    CONSTRAINT provisioning_log_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT provisioning_log_result_check CHECK ((result = ANY (ARRAY['ok'::text, 'unchanged'::text, 'failed'::text, 'rejected'::text, 'slowed'::text])))
);

CREATE INDEX provisioning_log_bulk ON provisioning_log USING btree (workspace_id, bulk_id, id) WHERE (bulk_id <> ''::text);

CREATE UNIQUE INDEX provisioning_log_fold ON provisioning_log USING btree (workspace_id, fold_key) WHERE ((fold_key <> ''::text) AND (resolved_at IS NULL));

CREATE INDEX provisioning_log_member ON provisioning_log USING btree (workspace_id, member_id, id) WHERE (member_id <> ''::text);

CREATE INDEX provisioning_log_open ON provisioning_log USING btree (workspace_id, subject_key) WHERE ((result = ANY (ARRAY['failed'::text, 'rejected'::text, 'slowed'::text])) AND (resolved_at IS NULL));

CREATE INDEX provisioning_log_refused ON provisioning_log USING btree (workspace_id, id) WHERE (result = ANY (ARRAY['failed'::text, 'rejected'::text, 'slowed'::text]));

CREATE INDEX provisioning_log_subject ON provisioning_log USING btree (workspace_id, subject_id, id) WHERE (subject_id <> ''::text);

CREATE TABLE provisioning_minutes (
    workspace_id text NOT NULL,
    minute timestamp with time zone NOT NULL,
    token_id text NOT NULL,
    client text NOT NULL DEFAULT ''::text,
    calls bigint NOT NULL DEFAULT 0,
    looked bigint NOT NULL DEFAULT 0,
    created bigint NOT NULL DEFAULT 0,
    updated bigint NOT NULL DEFAULT 0,
    deactivated bigint NOT NULL DEFAULT 0,
    deleted bigint NOT NULL DEFAULT 0,
    teams bigint NOT NULL DEFAULT 0,
    unchanged bigint NOT NULL DEFAULT 0,
    failed bigint NOT NULL DEFAULT 0,
    rejected bigint NOT NULL DEFAULT 0,
    slowed bigint NOT NULL DEFAULT 0,
    first_at timestamp with time zone NOT NULL,
    last_at timestamp with time zone NOT NULL,
    CONSTRAINT provisioning_minutes_pkey PRIMARY KEY (workspace_id, minute, token_id)
);

CREATE TABLE recoveries (
    secret_hash bytea NOT NULL,
    workspace_id text NOT NULL,
    person_id text NOT NULL,
    session_hash bytea,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    pair_until timestamp with time zone,
    ended_at timestamp with time zone,
    how text NOT NULL DEFAULT 'operator'::text,
    CONSTRAINT recoveries_pkey PRIMARY KEY (secret_hash),
    CONSTRAINT recoveries_how_check CHECK ((how = ANY (ARRAY['operator'::text, 'code'::text, 'colleague'::text]))),
    CONSTRAINT recoveries_person_id_fkey FOREIGN KEY (person_id) REFERENCES people(id),
    CONSTRAINT recoveries_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

CREATE UNIQUE INDEX recoveries_one_grant ON recoveries USING btree (person_id) WHERE ((pair_until IS NOT NULL) AND (ended_at IS NULL));

CREATE INDEX recoveries_person ON recoveries USING btree (person_id);

CREATE INDEX recoveries_session ON recoveries USING btree (session_hash);

CREATE TRIGGER recoveries_guard BEFORE INSERT OR UPDATE ON recoveries FOR EACH ROW EXECUTE FUNCTION recoveries_guard();

CREATE TABLE recovery_code_sets (
    id text NOT NULL,
    workspace_id text NOT NULL,
    person_id text NOT NULL,
    salt bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    CONSTRAINT recovery_code_sets_pkey PRIMARY KEY (id),
    CONSTRAINT recovery_code_sets_person_id_fkey FOREIGN KEY (person_id) REFERENCES people(id),
    CONSTRAINT recovery_code_sets_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

CREATE UNIQUE INDEX recovery_code_sets_one_current ON recovery_code_sets USING btree (person_id) WHERE (ended_at IS NULL);

CREATE TABLE recovery_codes (
    set_id text NOT NULL,
    code_hash bytea NOT NULL,
    used_at timestamp with time zone,
    CONSTRAINT recovery_codes_pkey PRIMARY KEY (set_id, code_hash),
    CONSTRAINT recovery_codes_set_id_fkey FOREIGN KEY (set_id) REFERENCES recovery_code_sets(id)
);

CREATE TRIGGER recovery_codes_guard BEFORE UPDATE ON recovery_codes FOR EACH ROW EXECUTE FUNCTION recovery_codes_guard();

CREATE TABLE recovery_requests (
    id text NOT NULL,
    workspace_id text NOT NULL,
    person_id text NOT NULL,
    session_hash bytea NOT NULL,
    approver_id text NOT NULL,
    words text NOT NULL,
    decoys jsonb NOT NULL,
    note text NOT NULL DEFAULT ''::text,
    ip text NOT NULL DEFAULT ''::text,
    user_agent text NOT NULL DEFAULT ''::text,
    state text NOT NULL,
    reason text NOT NULL DEFAULT ''::text,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    compared_at timestamp with time zone,
    decided_at timestamp with time zone,
    confirmation_id text,
    CONSTRAINT recovery_requests_pkey PRIMARY KEY (id),
    CONSTRAINT recovery_requests_check CHECK ((person_id <> approver_id)),
    CONSTRAINT recovery_requests_check1 CHECK (((state = 'open'::text) = (decided_at IS NULL))),
    CONSTRAINT recovery_requests_check2 CHECK (((state = 'approved'::text) = (confirmation_id IS NOT NULL))),
    CONSTRAINT recovery_requests_check3 CHECK (((state <> 'approved'::text) OR (compared_at IS NOT NULL))),
    CONSTRAINT recovery_requests_state_check CHECK ((state = ANY (ARRAY['open'::text, 'approved'::text, 'refused'::text, 'cancelled'::text, 'expired'::text]))),
    CONSTRAINT recovery_requests_approver_id_fkey FOREIGN KEY (approver_id) REFERENCES people(id),
    CONSTRAINT recovery_requests_confirmation_id_fkey FOREIGN KEY (confirmation_id) REFERENCES confirmations(id),
    CONSTRAINT recovery_requests_person_id_fkey FOREIGN KEY (person_id) REFERENCES people(id),
    CONSTRAINT recovery_requests_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

CREATE INDEX recovery_requests_approver ON recovery_requests USING btree (approver_id) WHERE (state = 'open'::text);

CREATE UNIQUE INDEX recovery_requests_confirmation ON recovery_requests USING btree (confirmation_id) WHERE (confirmation_id IS NOT NULL);

CREATE INDEX recovery_requests_expires_at ON recovery_requests USING btree (expires_at) WHERE (state = 'open'::text);

CREATE UNIQUE INDEX recovery_requests_one_open ON recovery_requests USING btree (person_id) WHERE (state = 'open'::text);

CREATE INDEX recovery_requests_person ON recovery_requests USING btree (person_id, created_at);

CREATE TRIGGER recovery_requests_guard BEFORE INSERT OR UPDATE ON recovery_requests FOR EACH ROW EXECUTE FUNCTION recovery_requests_guard();

CREATE TABLE removal_counts (
    workspace_id text NOT NULL,
    kind text NOT NULL,
    minute timestamp with time zone NOT NULL,
    shard integer NOT NULL,
    n bigint NOT NULL,
    CONSTRAINT removal_counts_pkey PRIMARY KEY (workspace_id, kind, minute, shard),
    CONSTRAINT removal_counts_kind_check CHECK ((kind = ANY (ARRAY['members'::text, 'roles'::text])))
);

CREATE TABLE replicas (
    id text NOT NULL,
    host text NOT NULL,
    keys text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    seen_at timestamp with time zone NOT NULL,
    CONSTRAINT replicas_pkey PRIMARY KEY (id)
);

CREATE TABLE restores (
    id text NOT NULL,
    cut_at timestamp with time zone NOT NULL,
    operator text NOT NULL,
    confirmed_at timestamp with time zone,
    confirmed_by text NOT NULL DEFAULT ''::text,
    CONSTRAINT restores_pkey PRIMARY KEY (id)
);

CREATE TABLE saml_assertions (
    workspace_id text NOT NULL,
    hash bytea NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT saml_assertions_pkey PRIMARY KEY (workspace_id, hash),
    CONSTRAINT saml_assertions_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

CREATE INDEX saml_assertions_expires_at ON saml_assertions USING btree (expires_at);

CREATE TABLE saml_keys (
    id text NOT NULL,
    workspace_id text NOT NULL,
    signs boolean NOT NULL,
    key_sealed bytea NOT NULL,
    certificate bytea NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT saml_keys_pkey PRIMARY KEY (id),
    CONSTRAINT saml_keys_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

CREATE UNIQUE INDEX saml_keys_one_each ON saml_keys USING btree (workspace_id, signs);

CREATE TABLE scim_rules (
    workspace_id text NOT NULL,
    mapping jsonb NOT NULL DEFAULT '{}'::jsonb,
    roles jsonb NOT NULL DEFAULT '{}'::jsonb,
    guard jsonb NOT NULL DEFAULT '{}'::jsonb,
    offers_roles boolean NOT NULL DEFAULT false,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT scim_rules_pkey PRIMARY KEY (workspace_id),
    CONSTRAINT scim_rules_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

CREATE TABLE scim_rules_epoch (
    one integer NOT NULL,
    epoch bigint NOT NULL,
    CONSTRAINT scim_rules_epoch_pkey PRIMARY KEY (one),
    CONSTRAINT scim_rules_epoch_one_check CHECK ((one = 1))
);

CREATE TABLE scim_schemas (
    id text NOT NULL,
    workspace_id text NOT NULL,
    resource_type text NOT NULL,
    urn text NOT NULL,
    urn_key text NOT NULL,
    name text NOT NULL,
    description text NOT NULL DEFAULT ''::text,
    attributes jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL,
    created_by text NOT NULL DEFAULT ''::text,
    CONSTRAINT scim_schemas_pkey PRIMARY KEY (id),
    CONSTRAINT scim_schemas_resource_type_check CHECK ((resource_type = ANY (ARRAY['User'::text, 'Group'::text]))),
    CONSTRAINT scim_schemas_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

CREATE UNIQUE INDEX scim_schemas_urn ON scim_schemas USING btree (workspace_id, urn_key);

CREATE TABLE scim_token_addresses (
    token_id text NOT NULL,
    ip text NOT NULL,
    client text NOT NULL DEFAULT ''::text,
    user_agent text NOT NULL DEFAULT ''::text,
    first_at timestamp with time zone NOT NULL,
    last_at timestamp with time zone NOT NULL,
    refused_at timestamp with time zone,
    CONSTRAINT scim_token_addresses_pkey PRIMARY KEY (token_id, ip),
    CONSTRAINT scim_token_addresses_token_id_fkey FOREIGN KEY (token_id) REFERENCES scim_tokens(id)
);

CREATE INDEX scim_token_addresses_last_at ON scim_token_addresses USING btree (last_at);

CREATE TABLE scim_token_views (
    id text NOT NULL,
    workspace_id text NOT NULL,
    token_id text NOT NULL,
    kind text NOT NULL,
    person_id text NOT NULL DEFAULT ''::text,
    person_name text NOT NULL DEFAULT ''::text,
    device text NOT NULL DEFAULT ''::text,
    ip text NOT NULL DEFAULT ''::text,
    user_agent text NOT NULL DEFAULT ''::text,
    at timestamp with time zone NOT NULL,
    shown integer NOT NULL DEFAULT 0,
    hidden integer NOT NULL DEFAULT 0,
    copied integer NOT NULL DEFAULT 0,
    copied_at timestamp with time zone,
    closed_at timestamp with time zone,
    CONSTRAINT scim_token_views_pkey PRIMARY KEY (id),
    CONSTRAINT scim_token_views_kind_check CHECK ((kind = ANY (ARRAY['viewed'::text, 'regenerated'::text, 'printed'::text]))),
    CONSTRAINT scim_token_views_token_id_fkey FOREIGN KEY (token_id) REFERENCES scim_tokens(id),
    CONSTRAINT scim_token_views_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

CREATE INDEX scim_token_views_token ON scim_token_views USING btree (token_id, at);

CREATE TABLE scim_tokens (
    id text NOT NULL,
    workspace_id text NOT NULL,
    digest bytea NOT NULL,
    sealed bytea NOT NULL,
    hint text NOT NULL,
    state text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    created_by text NOT NULL,
    expires_at timestamp with time zone,
    valid_until timestamp with time zone,
    revoked_at timestamp with time zone,
    last_used_at timestamp with time zone,
    last_used_by text NOT NULL DEFAULT ''::text,
    shown_at timestamp with time zone,
    reason text NOT NULL DEFAULT ''::text,
    note text NOT NULL DEFAULT ''::text,
    replaces text NOT NULL DEFAULT ''::text,
    replaced_at timestamp with time zone,
    exposed boolean NOT NULL DEFAULT false,
    ended_by text NOT NULL DEFAULT ''::text,
    warned_days integer,
    overlap_warned_at timestamp with time zone,
    address_mode text NOT NULL DEFAULT 'off'::text,
    addresses text NOT NULL DEFAULT ''::text,
    CONSTRAINT scim_tokens_pkey PRIMARY KEY (id),
    CONSTRAINT scim_tokens_address_mode_check CHECK ((address_mode = ANY (ARRAY['off'::text, 'observe'::text, 'enforce'::text]))),
    CONSTRAINT scim_tokens_state_check CHECK ((state = ANY (ARRAY['active'::text, 'replaced'::text, 'revoked'::text]))),
    CONSTRAINT scim_tokens_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

CREATE UNIQUE INDEX scim_tokens_digest ON scim_tokens USING btree (digest);

CREATE INDEX scim_tokens_ending ON scim_tokens USING btree (valid_until) WHERE (valid_until IS NOT NULL);

CREATE INDEX scim_tokens_expiring ON scim_tokens USING btree (expires_at) WHERE (expires_at IS NOT NULL);

CREATE UNIQUE INDEX scim_tokens_one_active ON scim_tokens USING btree (workspace_id) WHERE (state = 'active'::text);

CREATE INDEX scim_tokens_workspace ON scim_tokens USING btree (workspace_id, created_at, id);

CREATE TABLE scim_totals (
    workspace_id text NOT NULL,
    kind text NOT NULL,
    shard integer NOT NULL,
    total bigint NOT NULL,
    CONSTRAINT scim_totals_pkey PRIMARY KEY (workspace_id, kind, shard),
    CONSTRAINT scim_totals_kind_check CHECK ((kind = ANY (ARRAY['people'::text, 'teams'::text])))
);

CREATE TABLE server_keys (
    kid text NOT NULL,
    purpose text NOT NULL,
    sealed bytea NOT NULL,
    public_key bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    retired_at timestamp with time zone,
    successor text NOT NULL DEFAULT ''::text,
    announcement bytea,
    announcement_sig bytea,
    ended_at timestamp with time zone,
    CONSTRAINT server_keys_pkey PRIMARY KEY (kid),
    CONSTRAINT server_keys_purpose_check CHECK ((purpose = ANY (ARRAY['challenge'::text, 'vapid'::text, 'cursor'::text, 'audit'::text])))
);

CREATE UNIQUE INDEX server_keys_one_current ON server_keys USING btree (purpose) WHERE (retired_at IS NULL);

CREATE TABLE session_ends (
    session_hash bytea NOT NULL,
    workspace_id text NOT NULL,
    ended_at timestamp with time zone NOT NULL,
    CONSTRAINT session_ends_pkey PRIMARY KEY (session_hash, workspace_id),
    CONSTRAINT session_ends_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

CREATE INDEX session_ends_ended_at ON session_ends USING btree (ended_at);

CREATE TABLE session_limits (
    workspace_id text NOT NULL,
    idle_seconds bigint NOT NULL,
    life_seconds bigint NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    CONSTRAINT session_limits_pkey PRIMARY KEY (workspace_id),
    CONSTRAINT session_limits_idle_seconds_check CHECK ((idle_seconds > 0)),
    CONSTRAINT session_limits_life_seconds_check CHECK ((life_seconds > 0)),
    CONSTRAINT session_limits_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

CREATE TABLE sessions (
    token_hash text NOT NULL,
    data bytea NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT sessions_pkey PRIMARY KEY (token_hash)
);

CREATE INDEX sessions_expires_at ON sessions USING btree (expires_at);

CREATE TABLE setup_codes (
    code_hash bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT setup_codes_pkey PRIMARY KEY (code_hash)
);

CREATE TABLE sign_ins (
    session_hash bytea NOT NULL,
    workspace_id text NOT NULL,
    person_id text NOT NULL,
    signed_in_at timestamp with time zone NOT NULL,
    verified_at timestamp with time zone NOT NULL,
    last_seen_at timestamp with time zone NOT NULL,
    ip text NOT NULL DEFAULT ''::text,
    user_agent text NOT NULL DEFAULT ''::text,
    method text NOT NULL DEFAULT 'password'::text,
    sso_session_id text NOT NULL DEFAULT ''::text,
    CONSTRAINT sign_ins_pkey PRIMARY KEY (session_hash, workspace_id),
    CONSTRAINT sign_ins_person_id_fkey FOREIGN KEY (person_id) REFERENCES people(id),
    CONSTRAINT sign_ins_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

CREATE INDEX sign_ins_last_seen_at ON sign_ins USING btree (last_seen_at);

CREATE INDEX sign_ins_person ON sign_ins USING btree (person_id);

CREATE TABLE sso_domains (
    workspace_id text NOT NULL,
    domain text NOT NULL,
    record text NOT NULL,
    verified_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT sso_domains_pkey PRIMARY KEY (workspace_id, domain),
    CONSTRAINT sso_domains_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

CREATE TABLE sso_requests (
    hash bytea NOT NULL,
    workspace_id text NOT NULL,
    version bigint NOT NULL,
    browser bytea NOT NULL,
    nonce text NOT NULL,
    verifier text NOT NULL,
    return_to text NOT NULL,
    tested_by text NOT NULL DEFAULT ''::text,
    expires_at timestamp with time zone NOT NULL,
    outcome text NOT NULL DEFAULT ''::text,
    CONSTRAINT sso_requests_pkey PRIMARY KEY (hash),
    CONSTRAINT sso_requests_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

CREATE INDEX sso_requests_expires_at ON sso_requests USING btree (expires_at);

CREATE TABLE sso_sessions (
    id text NOT NULL,
    workspace_id text NOT NULL,
    issuer text NOT NULL,
    hint_sealed bytea NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT sso_sessions_pkey PRIMARY KEY (id),
    CONSTRAINT sso_sessions_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

CREATE INDEX sso_sessions_expires_at ON sso_sessions USING btree (expires_at);

CREATE TABLE sso_subjects (
    workspace_id text NOT NULL,
    issuer text NOT NULL,
    subject text NOT NULL,
    person_id text NOT NULL,
    claim_value text NOT NULL DEFAULT ''::text,
    created_at timestamp with time zone NOT NULL,
    last_used_at timestamp with time zone NOT NULL,
    CONSTRAINT sso_subjects_pkey PRIMARY KEY (workspace_id, issuer, subject),
    CONSTRAINT sso_subjects_person_id_fkey FOREIGN KEY (person_id) REFERENCES people(id),
    CONSTRAINT sso_subjects_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

CREATE INDEX sso_subjects_person ON sso_subjects USING btree (person_id);

CREATE TABLE sync_told (
    workspace_id text NOT NULL,
    state text NOT NULL,
    told_at timestamp with time zone NOT NULL,
    CONSTRAINT sync_told_pkey PRIMARY KEY (workspace_id),
    CONSTRAINT sync_told_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

CREATE TABLE team_members (
    team_id text NOT NULL,
    person_id text NOT NULL,
    workspace_id text NOT NULL,
    CONSTRAINT team_members_pkey PRIMARY KEY (team_id, person_id)
);

CREATE INDEX team_members_person ON team_members USING btree (person_id, team_id);

CREATE TABLE team_pending (
    team_id text NOT NULL,
    member_id text NOT NULL,
    workspace_id text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT team_pending_pkey PRIMARY KEY (team_id, member_id)
);

CREATE INDEX team_pending_member ON team_pending USING btree (workspace_id, member_id);

CREATE TABLE teams (
    id text NOT NULL,
    workspace_id text NOT NULL,
    source text NOT NULL DEFAULT 'directory'::text,
    display_name text NOT NULL,
    display_name_key text NOT NULL,
    external_id text,
    attributes jsonb NOT NULL DEFAULT '{}'::jsonb,
    search jsonb NOT NULL DEFAULT '{}'::jsonb,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    deleted_at timestamp with time zone,
    alias text NOT NULL DEFAULT ''::text,
    alias_key text NOT NULL DEFAULT ''::text,
    CONSTRAINT teams_pkey PRIMARY KEY (id),
    CONSTRAINT teams_source_check CHECK ((source = ANY (ARRAY['local'::text, 'directory'::text]))),
    CONSTRAINT teams_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

CREATE INDEX teams_alias ON teams USING btree (workspace_id, alias_key) WHERE ((alias_key <> ''::text) AND (deleted_at IS NULL));

CREATE INDEX teams_deleted ON teams USING btree (workspace_id, deleted_at, id) WHERE (deleted_at IS NOT NULL);

CREATE UNIQUE INDEX teams_display_name ON teams USING btree (workspace_id, display_name_key) WHERE (deleted_at IS NULL);

CREATE INDEX teams_external_id ON teams USING btree (workspace_id, external_id) WHERE (deleted_at IS NULL);

CREATE INDEX teams_order ON teams USING btree (workspace_id, created_at, id) WHERE (deleted_at IS NULL);

CREATE INDEX teams_to_forget ON teams USING btree (deleted_at, id) WHERE (deleted_at IS NOT NULL);

CREATE TRIGGER teams_total_changed AFTER UPDATE OF source, deleted_at ON teams FOR EACH ROW WHEN (((((old.source = 'directory'::text) AND (old.deleted_at IS NULL)) <> ((new.source = 'directory'::text) AND (new.deleted_at IS NULL))) AND (COALESCE(current_setting('countersign.counts'::text, true), ''::text) <> 'itself'::text))) EXECUTE FUNCTION scim_totals_changed();

CREATE TRIGGER teams_total_deleted AFTER DELETE ON teams FOR EACH ROW WHEN (((old.source = 'directory'::text) AND (old.deleted_at IS NULL))) EXECUTE FUNCTION scim_totals_deleted();

CREATE TRIGGER teams_total_inserted AFTER INSERT ON teams REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION scim_totals_inserted();

CREATE TABLE webhook_deliveries (
    id text NOT NULL,
    webhook_id text NOT NULL,
    event_id text NOT NULL,
    type text NOT NULL,
    body jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL,
    state text NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    status integer NOT NULL DEFAULT 0,
    error text NOT NULL DEFAULT ''::text,
    took_ms integer NOT NULL DEFAULT 0,
    tried_at timestamp with time zone,
    CONSTRAINT webhook_deliveries_pkey PRIMARY KEY (id),
    CONSTRAINT webhook_deliveries_state_check CHECK ((state = ANY (ARRAY['waiting'::text, 'delivered'::text, 'failed'::text]))),
    CONSTRAINT webhook_deliveries_webhook_id_fkey FOREIGN KEY (webhook_id) REFERENCES webhooks(id) ON DELETE CASCADE
);

CREATE INDEX webhook_deliveries_age ON webhook_deliveries USING btree (created_at);

CREATE INDEX webhook_deliveries_webhook ON webhook_deliveries USING btree (webhook_id, created_at, id);

CREATE TABLE webhooks (
    id text NOT NULL,
    workspace_id text NOT NULL,
    url text NOT NULL,
    events jsonb NOT NULL,
    secret_sealed bytea NOT NULL,
    old_secret_sealed bytea,
    old_until timestamp with time zone,
    position bigint NOT NULL,
    created_by text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    stopped_at timestamp with time zone,
    failing_at timestamp with time zone,
    CONSTRAINT webhooks_pkey PRIMARY KEY (id),
    CONSTRAINT webhooks_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

CREATE INDEX webhooks_workspace ON webhooks USING btree (workspace_id, created_at, id);

CREATE TABLE workspaces (
    id text NOT NULL,
    slug text NOT NULL,
    name text NOT NULL,
    confirmation_policy text NOT NULL DEFAULT 'risk'::text,
    confirmation_seconds integer NOT NULL DEFAULT 300,
    created_at timestamp with time zone NOT NULL,
    show_once boolean NOT NULL DEFAULT false,
    two_admins boolean NOT NULL DEFAULT false,
    same_network boolean NOT NULL DEFAULT false,
    freeze_on_report boolean NOT NULL DEFAULT false,
    frozen_at timestamp with time zone,
    frozen_by text NOT NULL DEFAULT ''::text,
    passkeys boolean NOT NULL DEFAULT false,
    max_token_days integer NOT NULL DEFAULT 0,
    CONSTRAINT workspaces_pkey PRIMARY KEY (id),
    CONSTRAINT workspaces_confirmation_policy_check CHECK ((confirmation_policy = ANY (ARRAY['risk'::text, 'code'::text, 'tap'::text]))),
    CONSTRAINT workspaces_confirmation_seconds_check CHECK (((confirmation_seconds >= 60) AND (confirmation_seconds <= 600)))
);

CREATE UNIQUE INDEX workspaces_slug ON workspaces USING btree (slug);

CREATE OR REPLACE FUNCTION api_keys_guard()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  IF NEW.id <> OLD.id OR NEW.workspace_id <> OLD.workspace_id OR NEW.person_id <> OLD.person_id OR NEW.digest <> OLD.digest
     OR NEW.scopes <> OLD.scopes OR NEW.confirmation_id <> OLD.confirmation_id OR NEW.expires_at > OLD.expires_at THEN
    RAISE EXCEPTION 'api key: what was confirmed never changes';
  END IF;
  IF OLD.ended_at IS NOT NULL THEN
    RAISE EXCEPTION 'api key: it has ended';
  END IF;
  RETURN NEW;
END $function$;

CREATE OR REPLACE FUNCTION approvals_guard()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    RAISE EXCEPTION 'approval: never changed or taken back';
  END IF;
  IF NOT EXISTS (SELECT 1 FROM confirmations WHERE id = NEW.confirmation_id AND state = 'pending' AND approvals_needed > 1) THEN
    RAISE EXCEPTION 'approval: nothing to approve';
  END IF;
  RETURN NEW;
END $function$;

CREATE OR REPLACE FUNCTION audit_events_kept()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  IF OLD.position IS NULL OR NOT EXISTS (SELECT 1 FROM audit_chains WHERE workspace_id = OLD.workspace_id AND pruned_to >= OLD.position) THEN
    RAISE EXCEPTION 'audit: only retention deletes events, up to its checkpoint';
  END IF;
  RETURN OLD;
END $function$;

CREATE OR REPLACE FUNCTION audit_refused()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  RAISE EXCEPTION 'audit: events are appended, sealed and never changed';
END $function$;

CREATE OR REPLACE FUNCTION audit_seals_kept()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM audit_chains WHERE workspace_id = OLD.workspace_id AND pruned_to >= OLD.last) THEN
    RAISE EXCEPTION 'audit: only retention deletes seals, up to its checkpoint';
  END IF;
  RETURN OLD;
END $function$;

CREATE OR REPLACE FUNCTION confirmations_evidence()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  IF OLD.state <> 'pending' OR NEW.state <> 'approved' OR NEW.approvals_needed <> 1 OR NEW.decided_response IS NULL THEN
    RAISE EXCEPTION 'confirmation: the kind of evidence is fixed by the answer';
  END IF;
  RETURN NEW;
END $function$;

CREATE OR REPLACE FUNCTION confirmations_guard()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  IF NEW.id <> OLD.id OR NEW.workspace_id <> OLD.workspace_id OR NEW.person_id <> OLD.person_id OR NEW.session_hash <> OLD.session_hash
     OR NEW.action <> OLD.action OR NEW.resource <> OLD.resource OR NEW.mode <> OLD.mode OR NEW.expires_at > OLD.expires_at THEN
    RAISE EXCEPTION 'confirmation: bound fields never change';
  END IF;
  IF NEW.state <> OLD.state AND NOT (
       (OLD.state = 'pending'  AND NEW.state IN ('approved', 'denied', 'expired', 'cancelled'))
    OR (OLD.state = 'approved' AND NEW.state IN ('consumed', 'expired', 'cancelled'))) THEN
    RAISE EXCEPTION 'confirmation: illegal move % to %', OLD.state, NEW.state;
  END IF;
  IF NEW.state <> OLD.state AND NEW.version <= OLD.version THEN
    RAISE EXCEPTION 'confirmation: version must rise';
  END IF;
  RETURN NEW;
END $function$;

CREATE OR REPLACE FUNCTION confirmations_quorum()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  IF NEW.approvals_needed <> OLD.approvals_needed THEN
    RAISE EXCEPTION 'confirmation: the number of approvals never changes';
  END IF;
  IF NEW.state = 'approved' AND OLD.state <> 'approved' AND (
       (SELECT count(*) FROM approvals WHERE confirmation_id = NEW.id) < NEW.approvals_needed
    OR NOT EXISTS (SELECT 1 FROM approvals WHERE confirmation_id = NEW.id AND person_id = NEW.person_id)) THEN
    RAISE EXCEPTION 'confirmation: approvals are missing';
  END IF;
  RETURN NEW;
END $function$;

CREATE OR REPLACE FUNCTION ownership_transfers_guard()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  IF OLD.state <> 'open' OR NEW.id <> OLD.id OR NEW.workspace_id <> OLD.workspace_id OR NEW.from_id <> OLD.from_id OR NEW.to_id <> OLD.to_id
     OR NEW.expires_at > OLD.expires_at THEN
    RAISE EXCEPTION 'ownership transfer: it has ended, or a bound field would change';
  END IF;
  RETURN NEW;
END $function$;

CREATE OR REPLACE FUNCTION recoveries_guard()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  IF TG_OP = 'UPDATE' AND (NEW.secret_hash <> OLD.secret_hash OR NEW.workspace_id <> OLD.workspace_id OR NEW.person_id <> OLD.person_id
     OR (OLD.pair_until IS NOT NULL AND NEW.pair_until IS DISTINCT FROM OLD.pair_until)
     OR (OLD.session_hash IS NOT NULL AND NEW.session_hash IS DISTINCT FROM OLD.session_hash) OR OLD.ended_at IS NOT NULL) THEN
    RAISE EXCEPTION 'recovery: bound fields never change, and it ends once';
  END IF;
  IF NEW.pair_until > NEW.expires_at + interval '1 hour' OR (NEW.pair_until IS NOT NULL AND NEW.session_hash IS NULL) THEN
    RAISE EXCEPTION 'recovery: pairing is bound to a session and lasts an hour at most';
  END IF;
  RETURN NEW;
END $function$;

CREATE OR REPLACE FUNCTION recovery_codes_guard()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  IF NEW.set_id <> OLD.set_id OR NEW.code_hash <> OLD.code_hash OR OLD.used_at IS NOT NULL THEN
    RAISE EXCEPTION 'recovery code: used once and never again';
  END IF;
  RETURN NEW;
END $function$;

CREATE OR REPLACE FUNCTION recovery_requests_guard()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.state <> 'open' OR NEW.expires_at > NEW.created_at + interval '24 hours' THEN
      RAISE EXCEPTION 'recovery request: begins open and lives a day at most';
    END IF;
    RETURN NEW;
  END IF;
  IF NEW.id <> OLD.id OR NEW.workspace_id <> OLD.workspace_id OR NEW.person_id <> OLD.person_id OR NEW.session_hash <> OLD.session_hash
     OR NEW.approver_id <> OLD.approver_id OR NEW.words <> OLD.words OR NEW.created_at <> OLD.created_at OR NEW.expires_at > OLD.expires_at THEN
    RAISE EXCEPTION 'recovery request: bound fields never change';
  END IF;
  IF OLD.state <> 'open' THEN
    RAISE EXCEPTION 'recovery request: it has ended';
  END IF;
  RETURN NEW;
END $function$;

CREATE OR REPLACE FUNCTION scim_totals_add(w text, k text, n bigint)
 RETURNS void
 LANGUAGE sql
AS $function$
    INSERT INTO scim_totals AS t (workspace_id, kind, shard, total) VALUES (w, k, pg_backend_pid(), n)
    ON CONFLICT (workspace_id, kind, shard) DO UPDATE SET total = t.total + excluded.total
$function$;

CREATE OR REPLACE FUNCTION scim_totals_changed()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    PERFORM scim_totals_add(NEW.workspace_id, TG_TABLE_NAME, CASE WHEN NEW.source = 'directory' AND NEW.deleted_at IS NULL THEN 1 ELSE -1 END);
    RETURN NULL;
END $function$;

CREATE OR REPLACE FUNCTION scim_totals_deleted()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    PERFORM scim_totals_add(OLD.workspace_id, TG_TABLE_NAME, -1);
    RETURN NULL;
END $function$;

CREATE OR REPLACE FUNCTION scim_totals_inserted()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    INSERT INTO scim_totals AS t (workspace_id, kind, shard, total)
        SELECT workspace_id, TG_TABLE_NAME, pg_backend_pid(), count(*) FROM fresh WHERE source = 'directory' AND deleted_at IS NULL GROUP BY workspace_id
        ON CONFLICT (workspace_id, kind, shard) DO UPDATE SET total = t.total + excluded.total;
    RETURN NULL;
END $function$;
