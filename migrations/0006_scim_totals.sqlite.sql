-- +goose Up
-- How many people and teams of a workspace SCIM sees, so that no page of a list counts them. One writer at a time needs one shard, 0.
CREATE TABLE scim_totals (
    workspace_id text NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('people', 'teams')),
    shard        integer NOT NULL,
    total        bigint NOT NULL,
    PRIMARY KEY (workspace_id, kind, shard)
);

-- +goose StatementBegin
CREATE TRIGGER people_total_inserted AFTER INSERT ON people WHEN NEW.source = 'directory' AND NEW.deleted_at IS NULL BEGIN
    INSERT INTO scim_totals (workspace_id, kind, shard, total) VALUES (NEW.workspace_id, 'people', 0, 1)
        ON CONFLICT (workspace_id, kind, shard) DO UPDATE SET total = total + 1;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER people_total_changed AFTER UPDATE OF source, deleted_at ON people
    WHEN (OLD.source = 'directory' AND OLD.deleted_at IS NULL) <> (NEW.source = 'directory' AND NEW.deleted_at IS NULL) BEGIN
    INSERT INTO scim_totals (workspace_id, kind, shard, total)
        VALUES (NEW.workspace_id, 'people', 0, CASE WHEN NEW.source = 'directory' AND NEW.deleted_at IS NULL THEN 1 ELSE -1 END)
        ON CONFLICT (workspace_id, kind, shard) DO UPDATE SET total = total + excluded.total;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER people_total_deleted AFTER DELETE ON people WHEN OLD.source = 'directory' AND OLD.deleted_at IS NULL BEGIN
    UPDATE scim_totals SET total = total - 1 WHERE workspace_id = OLD.workspace_id AND kind = 'people' AND shard = 0;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER teams_total_inserted AFTER INSERT ON teams WHEN NEW.source = 'directory' AND NEW.deleted_at IS NULL BEGIN
    INSERT INTO scim_totals (workspace_id, kind, shard, total) VALUES (NEW.workspace_id, 'teams', 0, 1)
        ON CONFLICT (workspace_id, kind, shard) DO UPDATE SET total = total + 1;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER teams_total_changed AFTER UPDATE OF source, deleted_at ON teams
    WHEN (OLD.source = 'directory' AND OLD.deleted_at IS NULL) <> (NEW.source = 'directory' AND NEW.deleted_at IS NULL) BEGIN
    INSERT INTO scim_totals (workspace_id, kind, shard, total)
        VALUES (NEW.workspace_id, 'teams', 0, CASE WHEN NEW.source = 'directory' AND NEW.deleted_at IS NULL THEN 1 ELSE -1 END)
        ON CONFLICT (workspace_id, kind, shard) DO UPDATE SET total = total + excluded.total;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER teams_total_deleted AFTER DELETE ON teams WHEN OLD.source = 'directory' AND OLD.deleted_at IS NULL BEGIN
    UPDATE scim_totals SET total = total - 1 WHERE workspace_id = OLD.workspace_id AND kind = 'teams' AND shard = 0;
END;
-- +goose StatementEnd

INSERT INTO scim_totals SELECT workspace_id, 'people', 0, count(*) FROM people WHERE source = 'directory' AND deleted_at IS NULL GROUP BY workspace_id;
INSERT INTO scim_totals SELECT workspace_id, 'teams', 0, count(*) FROM teams WHERE source = 'directory' AND deleted_at IS NULL GROUP BY workspace_id;

-- +goose Down
DROP TRIGGER teams_total_deleted;
DROP TRIGGER teams_total_changed;
DROP TRIGGER teams_total_inserted;
DROP TRIGGER people_total_deleted;
DROP TRIGGER people_total_changed;
DROP TRIGGER people_total_inserted;
DROP TABLE scim_totals;
