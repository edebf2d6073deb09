-- Written by `make schema`; do not edit. The schema as all migrations leave it.

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
    CONSTRAINT audit_events_pkey PRIMARY KEY (id)
);

CREATE INDEX audit_events_order ON audit_events USING btree (workspace_id, at, id);

CREATE INDEX audit_events_subject ON audit_events USING btree (workspace_id, subject);

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
    CONSTRAINT confirmations_pkey PRIMARY KEY (id),
    CONSTRAINT confirmations_check CHECK (((state = 'consumed'::text) = (consumed_at IS NOT NULL))),
    CONSTRAINT confirmations_check1 CHECK (((state <> ALL (ARRAY['approved'::text, 'consumed'::text])) OR (decided_sig IS NOT NULL))),
    CONSTRAINT confirmations_check2 CHECK (((state = 'pending'::text) OR (code_sealed IS NULL))),
    CONSTRAINT confirmations_mode_check CHECK ((mode = ANY (ARRAY['tap'::text, 'code'::text]))),
    CONSTRAINT confirmations_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'approved'::text, 'denied'::text, 'expired'::text, 'cancelled'::text, 'consumed'::text]))),
    CONSTRAINT confirmations_person_id_fkey FOREIGN KEY (person_id) REFERENCES people(id),
    CONSTRAINT confirmations_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

CREATE UNIQUE INDEX confirmations_one_live ON confirmations USING btree (session_hash, workspace_id, action, resource) WHERE (state = 'pending'::text);

CREATE INDEX confirmations_person_live ON confirmations USING btree (person_id) WHERE (state = ANY (ARRAY['pending'::text, 'approved'::text]));

CREATE INDEX confirmations_person_recent ON confirmations USING btree (person_id, created_at);

CREATE INDEX confirmations_sweep ON confirmations USING btree (expires_at) WHERE (state = ANY (ARRAY['pending'::text, 'approved'::text]));

CREATE TRIGGER confirmations_guard BEFORE UPDATE ON confirmations FOR EACH ROW EXECUTE FUNCTION confirmations_guard();

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
    CONSTRAINT devices_pkey PRIMARY KEY (id),
    CONSTRAINT devices_platform_check CHECK ((platform = ANY (ARRAY['ios'::text, 'android'::text, 'web'::text]))),
    CONSTRAINT devices_push_state_check CHECK ((push_state = ANY (ARRAY['none'::text, 'registered'::text, 'working'::text, 'failing'::text, 'dead'::text]))),
    CONSTRAINT devices_state_check CHECK ((state = ANY (ARRAY['claimed'::text, 'matched'::text, 'active'::text, 'removed'::text]))),
    CONSTRAINT devices_person_id_fkey FOREIGN KEY (person_id) REFERENCES people(id),
    CONSTRAINT devices_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

CREATE INDEX devices_person ON devices USING btree (person_id, state);

CREATE UNIQUE INDEX devices_push_key ON devices USING btree (push_key) WHERE (push_key IS NOT NULL);

CREATE TABLE known_browsers (
    person_id text NOT NULL,
    browser_hash bytea NOT NULL,
    since timestamp with time zone NOT NULL,
    CONSTRAINT known_browsers_pkey PRIMARY KEY (person_id, browser_hash),
    CONSTRAINT known_browsers_person_id_fkey FOREIGN KEY (person_id) REFERENCES people(id)
);

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
    CONSTRAINT pairings_pkey PRIMARY KEY (id),
    CONSTRAINT pairings_state_check CHECK ((state = ANY (ARRAY['open'::text, 'claimed'::text, 'matched'::text, 'active'::text, 'refused'::text, 'expired'::text]))),
    CONSTRAINT pairings_device_id_fkey FOREIGN KEY (device_id) REFERENCES devices(id),
    CONSTRAINT pairings_person_id_fkey FOREIGN KEY (person_id) REFERENCES people(id),
    CONSTRAINT pairings_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

CREATE INDEX pairings_code ON pairings USING btree (code_hash);

CREATE INDEX pairings_device ON pairings USING btree (device_id);

CREATE INDEX pairings_person ON pairings USING btree (person_id, state);

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
    CONSTRAINT people_pkey PRIMARY KEY (id),
    CONSTRAINT people_role_check CHECK ((role = ANY (ARRAY['owner'::text, 'super_admin'::text, 'admin'::text, 'user'::text, 'guest'::text]))),
    CONSTRAINT people_source_check CHECK ((source = ANY (ARRAY['local'::text, 'directory'::text]))),
    CONSTRAINT people_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

CREATE INDEX people_admins ON people USING btree (workspace_id, active) WHERE ((role = ANY (ARRAY['owner'::text, 'super_admin'::text, 'admin'::text])) AND (deleted_at IS NULL));

CREATE INDEX people_email ON people USING btree (workspace_id, email_key) WHERE (deleted_at IS NULL);

CREATE INDEX people_external_id ON people USING btree (workspace_id, external_id) WHERE (deleted_at IS NULL);

CREATE INDEX people_name ON people USING btree (workspace_id, name_key) WHERE (deleted_at IS NULL);

CREATE UNIQUE INDEX people_one_owner ON people USING btree (workspace_id) WHERE ((role = 'owner'::text) AND (deleted_at IS NULL));

CREATE INDEX people_order ON people USING btree (workspace_id, created_at, id) WHERE (deleted_at IS NULL);

CREATE UNIQUE INDEX people_user_name ON people USING btree (workspace_id, user_name_key) WHERE (deleted_at IS NULL);

CREATE TABLE person_emails (
    person_id text NOT NULL,
    value_key text NOT NULL,
    workspace_id text NOT NULL,
    CONSTRAINT person_emails_pkey PRIMARY KEY (person_id, value_key),
    CONSTRAINT person_emails_person_id_fkey FOREIGN KEY (person_id) REFERENCES people(id)
);

CREATE INDEX person_emails_value ON person_emails USING btree (workspace_id, value_key);

CREATE TABLE recoveries (
    secret_hash bytea NOT NULL,
    workspace_id text NOT NULL,
    person_id text NOT NULL,
    session_hash bytea,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    pair_until timestamp with time zone,
    ended_at timestamp with time zone,
    CONSTRAINT recoveries_pkey PRIMARY KEY (secret_hash),
    CONSTRAINT recoveries_person_id_fkey FOREIGN KEY (person_id) REFERENCES people(id),
    CONSTRAINT recoveries_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

CREATE INDEX recoveries_session ON recoveries USING btree (session_hash);

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
    CONSTRAINT scim_tokens_pkey PRIMARY KEY (id),
    CONSTRAINT scim_tokens_state_check CHECK ((state = ANY (ARRAY['active'::text, 'replaced'::text, 'revoked'::text]))),
    CONSTRAINT scim_tokens_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

CREATE UNIQUE INDEX scim_tokens_digest ON scim_tokens USING btree (digest);

CREATE UNIQUE INDEX scim_tokens_one_active ON scim_tokens USING btree (workspace_id) WHERE (state = 'active'::text);

CREATE INDEX scim_tokens_workspace ON scim_tokens USING btree (workspace_id, created_at, id);

CREATE TABLE server_keys (
    kid text NOT NULL,
    purpose text NOT NULL,
    sealed bytea NOT NULL,
    public_key bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    retired_at timestamp with time zone,
    CONSTRAINT server_keys_pkey PRIMARY KEY (kid),
    CONSTRAINT server_keys_purpose_check CHECK ((purpose = ANY (ARRAY['challenge'::text, 'vapid'::text, 'cursor'::text])))
);

CREATE UNIQUE INDEX server_keys_one_current ON server_keys USING btree (purpose) WHERE (retired_at IS NULL);

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
    CONSTRAINT sign_ins_pkey PRIMARY KEY (session_hash, workspace_id),
    CONSTRAINT sign_ins_person_id_fkey FOREIGN KEY (person_id) REFERENCES people(id),
    CONSTRAINT sign_ins_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

CREATE INDEX sign_ins_last_seen_at ON sign_ins USING btree (last_seen_at);

CREATE INDEX sign_ins_person ON sign_ins USING btree (person_id);

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
    CONSTRAINT teams_pkey PRIMARY KEY (id),
    CONSTRAINT teams_source_check CHECK ((source = ANY (ARRAY['local'::text, 'directory'::text]))),
    CONSTRAINT teams_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id)
);

CREATE UNIQUE INDEX teams_display_name ON teams USING btree (workspace_id, display_name_key) WHERE (deleted_at IS NULL);

CREATE INDEX teams_external_id ON teams USING btree (workspace_id, external_id) WHERE (deleted_at IS NULL);

CREATE INDEX teams_order ON teams USING btree (workspace_id, created_at, id) WHERE (deleted_at IS NULL);

CREATE TABLE workspaces (
    id text NOT NULL,
    slug text NOT NULL,
    name text NOT NULL,
    confirmation_policy text NOT NULL DEFAULT 'risk'::text,
    confirmation_seconds integer NOT NULL DEFAULT 300,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT workspaces_pkey PRIMARY KEY (id),
    CONSTRAINT workspaces_confirmation_policy_check CHECK ((confirmation_policy = ANY (ARRAY['risk'::text, 'code'::text, 'tap'::text]))),
    CONSTRAINT workspaces_confirmation_seconds_check CHECK (((confirmation_seconds >= 60) AND (confirmation_seconds <= 600)))
);

CREATE UNIQUE INDEX workspaces_slug ON workspaces USING btree (slug);

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
