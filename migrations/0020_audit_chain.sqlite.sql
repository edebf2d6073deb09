-- The audit's chain: a sealer gives each committed event its place and hash, and signs; rows never change but by sealing, erasing and retention.
-- +goose Up
-- SQLite changes no CHECK of a table that is there: the keys move into a new one.
CREATE TABLE server_keys_new (
    kid              text NOT NULL PRIMARY KEY,
    purpose          text NOT NULL CHECK (purpose IN ('challenge', 'vapid', 'cursor', 'audit')),
    sealed           {{.Bytes}} NOT NULL,
    public_key       {{.Bytes}} NOT NULL,
    created_at       {{.Timestamp}} NOT NULL,
    retired_at       {{.Timestamp}},
    successor        text NOT NULL DEFAULT '',
    announcement     {{.Bytes}},
    announcement_sig {{.Bytes}},
    ended_at         {{.Timestamp}}
);
INSERT INTO server_keys_new (kid, purpose, sealed, public_key, created_at, retired_at, successor, announcement, announcement_sig, ended_at)
    SELECT kid, purpose, sealed, public_key, created_at, retired_at, successor, announcement, announcement_sig, ended_at FROM server_keys;
DROP TABLE server_keys;
ALTER TABLE server_keys_new RENAME TO server_keys;
CREATE UNIQUE INDEX server_keys_one_current ON server_keys (purpose) WHERE retired_at IS NULL;

ALTER TABLE audit_events ADD COLUMN position bigint;
ALTER TABLE audit_events ADD COLUMN hash {{.Bytes}};
ALTER TABLE audit_events ADD COLUMN salt {{.Bytes}};
ALTER TABLE audit_events ADD COLUMN who_hash {{.Bytes}};
ALTER TABLE audit_events ADD COLUMN what_hash {{.Bytes}};
ALTER TABLE audit_events ADD COLUMN area text NOT NULL DEFAULT '';

-- An insert touches as many indexes as before: what filters need is indexed when an event is sealed.
DROP INDEX audit_events_subject;
CREATE INDEX audit_events_unsealed ON audit_events (workspace_id, at, id) WHERE position IS NULL;
CREATE UNIQUE INDEX audit_events_position ON audit_events (workspace_id, position) WHERE position IS NOT NULL;
CREATE INDEX audit_events_subject ON audit_events (workspace_id, subject, at, id) WHERE position IS NOT NULL;
CREATE INDEX audit_events_actor ON audit_events (workspace_id, actor_id, at, id) WHERE position IS NOT NULL;
CREATE INDEX audit_events_area ON audit_events (workspace_id, area, at, id) WHERE position IS NOT NULL;

-- Where the chain of a workspace stands, and the signed checkpoint that stands for the events which retention has deleted.
CREATE TABLE audit_chains (
    workspace_id   text NOT NULL PRIMARY KEY,
    position       bigint NOT NULL,
    head           {{.Bytes}} NOT NULL,
    retention_days integer NOT NULL DEFAULT 400,
    pruned_to      bigint NOT NULL DEFAULT 0,
    pruned_hash    {{.Bytes}},
    pruned_at      {{.Timestamp}},
    pruned_kid     text NOT NULL DEFAULT '',
    pruned_sig     {{.Bytes}}
);

CREATE TABLE audit_seals (
    workspace_id text NOT NULL,
    last         bigint NOT NULL,
    first        bigint NOT NULL,
    head         {{.Bytes}} NOT NULL,
    sealed_at    {{.Timestamp}} NOT NULL,
    kid          text NOT NULL,
    sig          {{.Bytes}} NOT NULL,
    PRIMARY KEY (workspace_id, last)
);

CREATE TABLE audit_exports (
    id           text NOT NULL PRIMARY KEY,
    workspace_id text NOT NULL,
    person_id    text NOT NULL,
    format       text NOT NULL CHECK (format IN ('csv', 'jsonl', 'signed')),
    query        {{.JSON}} NOT NULL,
    created_at   {{.Timestamp}} NOT NULL,
    expires_at   {{.Timestamp}} NOT NULL
);
CREATE INDEX audit_exports_expiry ON audit_exports (expires_at);

-- +goose StatementBegin
CREATE TRIGGER audit_events_begin BEFORE INSERT ON audit_events WHEN NEW.position IS NOT NULL
BEGIN
  SELECT RAISE(ABORT, 'audit: events are appended, sealed and never changed');
END;
-- +goose StatementEnd
-- +goose StatementBegin
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
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_events_kept BEFORE DELETE ON audit_events
WHEN OLD.position IS NULL OR NOT EXISTS (SELECT 1 FROM audit_chains WHERE workspace_id = OLD.workspace_id AND pruned_to >= OLD.position)
BEGIN
  SELECT RAISE(ABORT, 'audit: only retention deletes events, up to its checkpoint');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_seals_guard BEFORE UPDATE ON audit_seals
BEGIN
  SELECT RAISE(ABORT, 'audit: events are appended, sealed and never changed');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_seals_kept BEFORE DELETE ON audit_seals
WHEN NOT EXISTS (SELECT 1 FROM audit_chains WHERE workspace_id = OLD.workspace_id AND pruned_to >= OLD.last)
BEGIN
  SELECT RAISE(ABORT, 'audit: only retention deletes seals, up to its checkpoint');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_chains_guard BEFORE UPDATE ON audit_chains
WHEN NEW.workspace_id <> OLD.workspace_id OR NEW.position < OLD.position OR NEW.pruned_to < OLD.pruned_to OR NEW.pruned_to > OLD.position
BEGIN
  SELECT RAISE(ABORT, 'audit: events are appended, sealed and never changed');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_chains_kept BEFORE DELETE ON audit_chains
BEGIN
  SELECT RAISE(ABORT, 'audit: events are appended, sealed and never changed');
END;
-- +goose StatementEnd

-- +goose Down
DROP TRIGGER audit_events_kept;
DROP TRIGGER audit_events_guard;
DROP TRIGGER audit_events_begin;
DROP TABLE audit_exports;
DROP TABLE audit_seals;
DROP TABLE audit_chains;
DROP INDEX audit_events_area;
DROP INDEX audit_events_actor;
DROP INDEX audit_events_subject;
DROP INDEX audit_events_position;
DROP INDEX audit_events_unsealed;
CREATE INDEX audit_events_subject ON audit_events (workspace_id, subject);
ALTER TABLE audit_events DROP COLUMN area;
ALTER TABLE audit_events DROP COLUMN what_hash;
ALTER TABLE audit_events DROP COLUMN who_hash;
ALTER TABLE audit_events DROP COLUMN salt;
ALTER TABLE audit_events DROP COLUMN hash;
ALTER TABLE audit_events DROP COLUMN position;
DELETE FROM server_keys WHERE purpose = 'audit';
CREATE TABLE server_keys_new (
    kid              text NOT NULL PRIMARY KEY,
    purpose          text NOT NULL CHECK (purpose IN ('challenge', 'vapid', 'cursor')),
    sealed           {{.Bytes}} NOT NULL,
    public_key       {{.Bytes}} NOT NULL,
    created_at       {{.Timestamp}} NOT NULL,
    retired_at       {{.Timestamp}},
    successor        text NOT NULL DEFAULT '',
    announcement     {{.Bytes}},
    announcement_sig {{.Bytes}},
    ended_at         {{.Timestamp}}
);
INSERT INTO server_keys_new (kid, purpose, sealed, public_key, created_at, retired_at, successor, announcement, announcement_sig, ended_at)
    SELECT kid, purpose, sealed, public_key, created_at, retired_at, successor, announcement, announcement_sig, ended_at FROM server_keys;
DROP TABLE server_keys;
ALTER TABLE server_keys_new RENAME TO server_keys;
CREATE UNIQUE INDEX server_keys_one_current ON server_keys (purpose) WHERE retired_at IS NULL;
