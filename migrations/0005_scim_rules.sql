-- +goose Up
-- What a workspace has decided about its directory. A workspace without a row goes by the defaults; every change counts the epoch up, which
-- each process looks at once a second to know whether what it remembers is still so.
CREATE TABLE scim_rules (
    workspace_id text NOT NULL PRIMARY KEY REFERENCES workspaces (id),
    mapping      {{.JSON}} NOT NULL DEFAULT '{}',
    roles        {{.JSON}} NOT NULL DEFAULT '{}',
    guard        {{.JSON}} NOT NULL DEFAULT '{}',
    offers_roles {{.Bool}} NOT NULL DEFAULT false,
    updated_at   {{.Timestamp}} NOT NULL
);
CREATE TABLE scim_rules_epoch (
    one   integer NOT NULL PRIMARY KEY CHECK (one = 1),
    epoch bigint NOT NULL
);
INSERT INTO scim_rules_epoch (one, epoch) VALUES (1, 0);

-- Extensions of User and Group that a workspace has defined itself (RFC 7643 §3.3, §7).
CREATE TABLE scim_schemas (
    id            text NOT NULL PRIMARY KEY,
    workspace_id  text NOT NULL REFERENCES workspaces (id),
    resource_type text NOT NULL CHECK (resource_type IN ('User', 'Group')),
    urn           text NOT NULL,
    urn_key       text NOT NULL,
    name          text NOT NULL,
    description   text NOT NULL DEFAULT '',
    attributes    {{.JSON}} NOT NULL,
    created_at    {{.Timestamp}} NOT NULL,
    created_by    text NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX scim_schemas_urn ON scim_schemas (workspace_id, urn_key);

-- A role that a rule gave is taken again by a rule; one that a person gave is not.
ALTER TABLE people ADD COLUMN role_mapped {{.Bool}} NOT NULL DEFAULT false;
-- Whether a deleted person was active, for a restoration.
ALTER TABLE people ADD COLUMN active_before {{.Bool}} NOT NULL DEFAULT false;
CREATE INDEX people_role_mapped ON people (workspace_id) WHERE role_mapped AND deleted_at IS NULL;
CREATE INDEX people_deleted ON people (workspace_id, deleted_at, id) WHERE deleted_at IS NOT NULL;
CREATE INDEX teams_deleted ON teams (workspace_id, deleted_at, id) WHERE deleted_at IS NOT NULL;

-- One row for each person who lost their access, written in the transaction that took it.
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
    requested_at {{.Timestamp}} NOT NULL,
    ended_at     {{.Timestamp}} NOT NULL,
    ended        {{.JSON}} NOT NULL DEFAULT '[]'
);
CREATE INDEX offboardings_order ON offboardings (workspace_id, ended_at, id);
CREATE INDEX offboardings_person ON offboardings (workspace_id, person_id, ended_at);

-- Removals above the workspace's threshold: done for the provider, restorable for us, until somebody decides on their phone.
CREATE TABLE held_removals (
    id           text NOT NULL PRIMARY KEY,
    workspace_id text NOT NULL REFERENCES workspaces (id),
    kind         text NOT NULL CHECK (kind IN ('people', 'members', 'roles')),
    state        text NOT NULL CHECK (state IN ('held', 'allowed', 'kept')),
    opened_at    {{.Timestamp}} NOT NULL,
    opened_by    text NOT NULL DEFAULT '',
    reason       text NOT NULL DEFAULT '',
    decided_at   {{.Timestamp}},
    decided_by   text NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX held_removals_one_open ON held_removals (workspace_id, kind) WHERE state = 'held';
CREATE INDEX held_removals_order ON held_removals (workspace_id, opened_at, id);

-- person_id is '' where a whole team was deleted.
CREATE TABLE held_items (
    removal_id   text NOT NULL REFERENCES held_removals (id),
    workspace_id text NOT NULL,
    person_id    text NOT NULL,
    team_id      text NOT NULL DEFAULT '',
    role         text NOT NULL DEFAULT '',
    at           {{.Timestamp}} NOT NULL,
    outcome      text NOT NULL DEFAULT '',
    PRIMARY KEY (removal_id, person_id, team_id)
);
CREATE INDEX held_items_person ON held_items (workspace_id, person_id, team_id);
CREATE INDEX held_items_team ON held_items (workspace_id, team_id);

-- A workspace whose Owner the directory took away, until they are back or two Super Admins have named another.
CREATE TABLE ownership_takeovers (
    id           text NOT NULL PRIMARY KEY,
    workspace_id text NOT NULL REFERENCES workspaces (id),
    owner_id     text NOT NULL,
    state        text NOT NULL CHECK (state IN ('frozen', 'returned', 'taken_over')),
    frozen_at    {{.Timestamp}} NOT NULL,
    candidate_id text NOT NULL DEFAULT '',
    proposed_by  text NOT NULL DEFAULT '',
    proposed_at  {{.Timestamp}},
    approved_by  text NOT NULL DEFAULT '',
    ended_at     {{.Timestamp}}
);
CREATE UNIQUE INDEX ownership_takeovers_one_open ON ownership_takeovers (workspace_id) WHERE state = 'frozen';

-- +goose Down
DROP TABLE ownership_takeovers;
DROP TABLE held_items;
DROP TABLE held_removals;
DROP TABLE offboardings;
DROP INDEX teams_deleted;
DROP INDEX people_deleted;
DROP INDEX people_role_mapped;
ALTER TABLE people DROP COLUMN active_before;
ALTER TABLE people DROP COLUMN role_mapped;
DROP TABLE scim_schemas;
DROP TABLE scim_rules_epoch;
DROP TABLE scim_rules;
