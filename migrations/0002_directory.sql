-- +goose Up
-- What SCIM looks up beside the columns of 0001. search is the twin of attributes that filters and sorting read: strings that are compared
-- without regard to case are folded in Go, because the databases fold differently.
ALTER TABLE people ADD COLUMN name_key {{.Key}} NOT NULL DEFAULT '';
CREATE INDEX people_name ON people (workspace_id, name_key) WHERE deleted_at IS NULL;
ALTER TABLE people ADD COLUMN manager_id text;
ALTER TABLE people ADD COLUMN search {{.JSON}} NOT NULL DEFAULT '{}';

-- The e-mail addresses of a person other than people.email; most people have none.
CREATE TABLE person_emails (
    person_id    text NOT NULL REFERENCES people (id),
    value_key    text NOT NULL,
    workspace_id text NOT NULL,
    PRIMARY KEY (person_id, value_key)
);
CREATE INDEX person_emails_value ON person_emails (workspace_id, value_key);

-- Teams: SCIM's Groups.
CREATE TABLE teams (
    id               text NOT NULL PRIMARY KEY,
    workspace_id     text NOT NULL REFERENCES workspaces (id),
    source           text NOT NULL DEFAULT 'directory' CHECK (source IN ('local', 'directory')),
    display_name     text NOT NULL,
    display_name_key {{.Key}} NOT NULL,
    external_id      text,
    attributes       {{.JSON}} NOT NULL DEFAULT '{}',
    search           {{.JSON}} NOT NULL DEFAULT '{}',
    version          bigint NOT NULL DEFAULT 1,
    created_at       {{.Timestamp}} NOT NULL,
    updated_at       {{.Timestamp}} NOT NULL,
    deleted_at       {{.Timestamp}}
);
CREATE UNIQUE INDEX teams_display_name ON teams (workspace_id, display_name_key) WHERE deleted_at IS NULL;
CREATE INDEX teams_external_id ON teams (workspace_id, external_id) WHERE deleted_at IS NULL;
CREATE INDEX teams_order ON teams (workspace_id, created_at, id) WHERE deleted_at IS NULL;

-- Who is in which team. Rows are made by INSERT … SELECT from people of the same workspace and people are never deleted for good while a row
-- stands, so there are no foreign keys: their locks would make pushes to one team wait for changes of its people. A deleted person's rows stay
-- for a restoration and are shown nowhere.
CREATE TABLE team_members (
    team_id      text NOT NULL,
    person_id    text NOT NULL,
    workspace_id text NOT NULL,
    PRIMARY KEY (team_id, person_id)
);
CREATE INDEX team_members_person ON team_members (person_id, team_id);

-- Members whom a directory named before it sent them; they join when a person with that id or externalId arrives.
CREATE TABLE team_pending (
    team_id      text NOT NULL,
    member_id    text NOT NULL,
    workspace_id text NOT NULL,
    created_at   {{.Timestamp}} NOT NULL,
    PRIMARY KEY (team_id, member_id)
);
CREATE INDEX team_pending_member ON team_pending (workspace_id, member_id);

-- +goose Down
DROP TABLE team_pending;
DROP TABLE team_members;
DROP TABLE teams;
DROP TABLE person_emails;
ALTER TABLE people DROP COLUMN search;
ALTER TABLE people DROP COLUMN manager_id;
DROP INDEX people_name;
ALTER TABLE people DROP COLUMN name_key;
