-- +goose Up
-- What one person is told in the console: a new phone, a recovery, a refusal. params holds names and times, never a secret.
CREATE TABLE notices (
    id           text NOT NULL PRIMARY KEY,
    workspace_id text NOT NULL REFERENCES workspaces (id),
    person_id    text NOT NULL REFERENCES people (id),
    kind         text NOT NULL,
    params       {{.JSON}} NOT NULL DEFAULT '{}',
    created_at   {{.Timestamp}} NOT NULL,
    seen_at      {{.Timestamp}}
);
CREATE INDEX notices_person ON notices (person_id, created_at, id);
CREATE INDEX notices_age ON notices (created_at);

-- A person's recovery codes: at most one set is current. A code is kept as its argon2id hash under the set's salt.
CREATE TABLE recovery_code_sets (
    id           text NOT NULL PRIMARY KEY,
    workspace_id text NOT NULL REFERENCES workspaces (id),
    person_id    text NOT NULL REFERENCES people (id),
    salt         {{.Bytes}} NOT NULL,
    created_at   {{.Timestamp}} NOT NULL,
    ended_at     {{.Timestamp}}
);
CREATE UNIQUE INDEX recovery_code_sets_one_current ON recovery_code_sets (person_id) WHERE ended_at IS NULL;

CREATE TABLE recovery_codes (
    set_id    text NOT NULL REFERENCES recovery_code_sets (id),
    code_hash {{.Bytes}} NOT NULL,
    used_at   {{.Timestamp}},
    PRIMARY KEY (set_id, code_hash)
);

-- A person who lost their phones asks a colleague, who hears the words on the telephone and picks them among the decoys.
CREATE TABLE recovery_requests (
    id              text NOT NULL PRIMARY KEY,
    workspace_id    text NOT NULL REFERENCES workspaces (id),
    person_id       text NOT NULL REFERENCES people (id),
    session_hash    {{.Bytes}} NOT NULL,
    approver_id     text NOT NULL REFERENCES people (id),
    words           text NOT NULL,
    decoys          {{.JSON}} NOT NULL,
    note            text NOT NULL DEFAULT '',
    ip              text NOT NULL DEFAULT '',
    user_agent      text NOT NULL DEFAULT '',
    state           text NOT NULL CHECK (state IN ('open', 'approved', 'refused', 'cancelled', 'expired')),
    reason          text NOT NULL DEFAULT '',
    created_at      {{.Timestamp}} NOT NULL,
    expires_at      {{.Timestamp}} NOT NULL,
    compared_at     {{.Timestamp}},
    decided_at      {{.Timestamp}},
    confirmation_id text REFERENCES confirmations (id),
    CHECK (person_id <> approver_id),
    CHECK ((state = 'open') = (decided_at IS NULL)),
    CHECK ((state = 'approved') = (confirmation_id IS NOT NULL)),
    CHECK (state <> 'approved' OR compared_at IS NOT NULL)
);
CREATE UNIQUE INDEX recovery_requests_one_open ON recovery_requests (person_id) WHERE state = 'open';
CREATE INDEX recovery_requests_person ON recovery_requests (person_id, created_at);
CREATE INDEX recovery_requests_approver ON recovery_requests (approver_id) WHERE state = 'open';
CREATE INDEX recovery_requests_expires_at ON recovery_requests (expires_at) WHERE state = 'open';
CREATE UNIQUE INDEX recovery_requests_confirmation ON recovery_requests (confirmation_id) WHERE confirmation_id IS NOT NULL;

-- How a permission to pair came about: 'operator' (a link), 'code' or 'colleague'. Links of before are closed: they live ten minutes anyway.
ALTER TABLE recoveries ADD COLUMN how text NOT NULL DEFAULT 'operator' CHECK (how IN ('operator', 'code', 'colleague'));
UPDATE recoveries SET ended_at = expires_at WHERE ended_at IS NULL;
CREATE UNIQUE INDEX recoveries_one_grant ON recoveries (person_id) WHERE pair_until IS NOT NULL AND ended_at IS NULL;
CREATE INDEX recoveries_person ON recoveries (person_id);

-- The permission under which a pairing was begun; the phone that it makes uses it up.
ALTER TABLE pairings ADD COLUMN recovery {{.Bytes}};

-- +goose Down
ALTER TABLE pairings DROP COLUMN recovery;
DROP INDEX recoveries_person;
DROP INDEX recoveries_one_grant;
ALTER TABLE recoveries DROP COLUMN how;
DROP TABLE recovery_requests;
DROP TABLE recovery_codes;
DROP TABLE recovery_code_sets;
DROP TABLE notices;
