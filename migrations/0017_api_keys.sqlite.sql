-- Keys for the console's API, ownership that changes hands, and passkeys as an answer to a confirmation.
-- +goose Up
CREATE TABLE api_keys (
    id              text NOT NULL PRIMARY KEY,
    workspace_id    text NOT NULL REFERENCES workspaces (id),
    person_id       text NOT NULL REFERENCES people (id),
    name            text NOT NULL,
    digest          {{.Bytes}} NOT NULL,
    hint            text NOT NULL,
    scopes          text NOT NULL, -- separated by blanks, sorted
    confirmation_id text NOT NULL,
    created_at      {{.Timestamp}} NOT NULL,
    expires_at      {{.Timestamp}} NOT NULL,
    first_used_at   {{.Timestamp}},
    last_used_at    {{.Timestamp}},
    last_used_ip    text NOT NULL DEFAULT '',
    warned_at       {{.Timestamp}},
    ended_at        {{.Timestamp}},
    ended_because   text NOT NULL DEFAULT '' CHECK (ended_because IN ('', 'revoked', 'expired', 'deactivated', 'role')),
    CHECK ((ended_at IS NULL) = (ended_because = ''))
);
CREATE UNIQUE INDEX api_keys_digest ON api_keys (digest);
CREATE UNIQUE INDEX api_keys_confirmation ON api_keys (confirmation_id); -- one confirmation makes one key
CREATE INDEX api_keys_workspace ON api_keys (workspace_id, created_at);
CREATE INDEX api_keys_person ON api_keys (person_id) WHERE ended_at IS NULL;
CREATE INDEX api_keys_sweep ON api_keys (expires_at) WHERE ended_at IS NULL;

-- An Owner's offer of the ownership. It is open until the other one accepts it on their phone, or it ends otherwise.
CREATE TABLE ownership_transfers (
    id           text NOT NULL PRIMARY KEY,
    workspace_id text NOT NULL REFERENCES workspaces (id),
    from_id      text NOT NULL REFERENCES people (id),
    to_id        text NOT NULL REFERENCES people (id),
    state        text NOT NULL CHECK (state IN ('open', 'done', 'declined', 'cancelled', 'expired')),
    reason       text NOT NULL DEFAULT '',
    created_at   {{.Timestamp}} NOT NULL,
    expires_at   {{.Timestamp}} NOT NULL,
    ended_at     {{.Timestamp}},
    CHECK (from_id <> to_id),
    CHECK ((state = 'open') = (ended_at IS NULL))
);
CREATE UNIQUE INDEX ownership_transfers_open ON ownership_transfers (workspace_id) WHERE state = 'open';
CREATE INDEX ownership_transfers_sweep ON ownership_transfers (expires_at) WHERE state = 'open';

ALTER TABLE workspaces ADD COLUMN passkeys {{.Bool}} NOT NULL DEFAULT false;
ALTER TABLE confirmations ADD COLUMN decided_how text NOT NULL DEFAULT 'phone' CHECK (decided_how IN ('phone', 'passkey'));

-- +goose StatementBegin
CREATE TRIGGER api_keys_guard BEFORE UPDATE ON api_keys
WHEN OLD.ended_at IS NOT NULL OR NEW.id <> OLD.id OR NEW.workspace_id <> OLD.workspace_id OR NEW.person_id <> OLD.person_id OR NEW.digest <> OLD.digest
  OR NEW.scopes <> OLD.scopes OR NEW.confirmation_id <> OLD.confirmation_id OR NEW.expires_at > OLD.expires_at
BEGIN
  SELECT RAISE(ABORT, 'api key: it has ended, or what was confirmed would change');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER ownership_transfers_guard BEFORE UPDATE ON ownership_transfers
WHEN OLD.state <> 'open' OR NEW.id <> OLD.id OR NEW.workspace_id <> OLD.workspace_id OR NEW.from_id <> OLD.from_id OR NEW.to_id <> OLD.to_id
  OR NEW.expires_at > OLD.expires_at
BEGIN
  SELECT RAISE(ABORT, 'ownership transfer: it has ended, or a bound field would change');
END;
-- +goose StatementEnd
-- A passkey answers once, alone, and only by approving.
-- +goose StatementBegin
CREATE TRIGGER confirmations_evidence BEFORE UPDATE ON confirmations
WHEN NEW.decided_how <> OLD.decided_how
  AND (OLD.state <> 'pending' OR NEW.state <> 'approved' OR NEW.approvals_needed <> 1 OR NEW.decided_response IS NULL)
BEGIN
  SELECT RAISE(ABORT, 'confirmation: the kind of evidence is fixed by the answer');
END;
-- +goose StatementEnd

-- +goose Down
DROP TRIGGER confirmations_evidence;
ALTER TABLE confirmations DROP COLUMN decided_how;
ALTER TABLE workspaces DROP COLUMN passkeys;
DROP TABLE ownership_transfers;
DROP TABLE api_keys;
