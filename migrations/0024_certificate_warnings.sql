-- +goose Up
-- Of which certificates of single sign-on the admins were told that they end, and how many days before: each step once. 0 is the end itself.
CREATE TABLE certificate_warnings (
    workspace_id text NOT NULL REFERENCES workspaces (id),
    fingerprint  text NOT NULL,
    days         bigint NOT NULL,
    warned_at    {{.Timestamp}} NOT NULL,
    PRIMARY KEY (workspace_id, fingerprint)
);

-- +goose Down
DROP TABLE certificate_warnings;
