-- Mails and webhooks: what was handed on to them, what a workspace wants by mail, where its systems are told of events.
-- +goose Up
ALTER TABLE notices ADD COLUMN handed_on_at {{.Timestamp}};
UPDATE notices SET handed_on_at = created_at;
CREATE INDEX notices_untold ON notices (created_at, id) WHERE handed_on_at IS NULL;

CREATE TABLE notification_settings (
    workspace_id text NOT NULL PRIMARY KEY REFERENCES workspaces(id),
    language     text NOT NULL DEFAULT 'en' CHECK (language IN ('en', 'de')),
    off          {{.JSON}} NOT NULL, -- events that are not mailed
    updated_at   {{.Timestamp}} NOT NULL
);

CREATE TABLE webhooks (
    id           text NOT NULL PRIMARY KEY,
    workspace_id text NOT NULL REFERENCES workspaces(id),
    url          text NOT NULL,
    events       {{.JSON}} NOT NULL, -- beginnings of event types, such as "user."
    secret_sealed     {{.Bytes}} NOT NULL,
    old_secret_sealed {{.Bytes}}, -- signs beside the new one until old_until
    old_until    {{.Timestamp}},
    position     bigint NOT NULL, -- of the audit's chain, up to which events were handed on
    created_by   text NOT NULL,
    created_at   {{.Timestamp}} NOT NULL,
    stopped_at   {{.Timestamp}},
    failing_at   {{.Timestamp}}
);
CREATE INDEX webhooks_workspace ON webhooks (workspace_id, created_at, id);

CREATE TABLE webhook_deliveries (
    id           text NOT NULL PRIMARY KEY,
    webhook_id   text NOT NULL REFERENCES webhooks(id) ON DELETE CASCADE,
    event_id     text NOT NULL,
    type         text NOT NULL,
    body         {{.JSON}} NOT NULL,
    created_at   {{.Timestamp}} NOT NULL,
    state        text NOT NULL CHECK (state IN ('waiting', 'delivered', 'failed')),
    attempts     integer NOT NULL DEFAULT 0,
    status       integer NOT NULL DEFAULT 0, -- of the last answer; 0 is none
    error        text NOT NULL DEFAULT '',
    took_ms      integer NOT NULL DEFAULT 0,
    tried_at     {{.Timestamp}}
);
CREATE INDEX webhook_deliveries_webhook ON webhook_deliveries (webhook_id, created_at, id);
CREATE INDEX webhook_deliveries_age ON webhook_deliveries (created_at);

-- What the admins of a workspace were last told about their identity provider's silence.
CREATE TABLE sync_told (
    workspace_id text NOT NULL PRIMARY KEY REFERENCES workspaces(id),
    state        text NOT NULL,
    told_at      {{.Timestamp}} NOT NULL
);

-- +goose Down
DROP TABLE sync_told;
DROP TABLE webhook_deliveries;
DROP TABLE webhooks;
DROP TABLE notification_settings;
DROP INDEX notices_untold;
ALTER TABLE notices DROP COLUMN handed_on_at;
