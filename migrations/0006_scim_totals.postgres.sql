-- +goose Up
-- How many people and teams of a workspace SCIM sees, so that no page of a list counts them. Each connection counts in rows of its own (shard is
-- its process id), so that writers never wait for each other; their sum is the total. What ended connections have counted is folded into shard 0.
CREATE TABLE scim_totals (
    workspace_id text NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('people', 'teams')),
    shard        integer NOT NULL,
    total        bigint NOT NULL,
    PRIMARY KEY (workspace_id, kind, shard)
);

-- +goose StatementBegin
CREATE FUNCTION scim_totals_add(w text, k text, n bigint) RETURNS void LANGUAGE sql AS $$
    INSERT INTO scim_totals AS t (workspace_id, kind, shard, total) VALUES (w, k, pg_backend_pid(), n)
    ON CONFLICT (workspace_id, kind, shard) DO UPDATE SET total = t.total + excluded.total
$$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION scim_totals_inserted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO scim_totals AS t (workspace_id, kind, shard, total)
        SELECT workspace_id, TG_TABLE_NAME, pg_backend_pid(), count(*) FROM fresh WHERE source = 'directory' AND deleted_at IS NULL GROUP BY workspace_id
        ON CONFLICT (workspace_id, kind, shard) DO UPDATE SET total = t.total + excluded.total;
    RETURN NULL;
END $$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION scim_totals_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM scim_totals_add(NEW.workspace_id, TG_TABLE_NAME, CASE WHEN NEW.source = 'directory' AND NEW.deleted_at IS NULL THEN 1 ELSE -1 END);
    RETURN NULL;
END $$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION scim_totals_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM scim_totals_add(OLD.workspace_id, TG_TABLE_NAME, -1);
    RETURN NULL;
END $$;
-- +goose StatementEnd

CREATE TRIGGER people_total_inserted AFTER INSERT ON people REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION scim_totals_inserted();
CREATE TRIGGER people_total_changed AFTER UPDATE OF source, deleted_at ON people FOR EACH ROW
    WHEN ((OLD.source = 'directory' AND OLD.deleted_at IS NULL) <> (NEW.source = 'directory' AND NEW.deleted_at IS NULL)) EXECUTE FUNCTION scim_totals_changed();
CREATE TRIGGER people_total_deleted AFTER DELETE ON people FOR EACH ROW
    WHEN (OLD.source = 'directory' AND OLD.deleted_at IS NULL) EXECUTE FUNCTION scim_totals_deleted();
CREATE TRIGGER teams_total_inserted AFTER INSERT ON teams REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION scim_totals_inserted();
CREATE TRIGGER teams_total_changed AFTER UPDATE OF source, deleted_at ON teams FOR EACH ROW
    WHEN ((OLD.source = 'directory' AND OLD.deleted_at IS NULL) <> (NEW.source = 'directory' AND NEW.deleted_at IS NULL)) EXECUTE FUNCTION scim_totals_changed();
CREATE TRIGGER teams_total_deleted AFTER DELETE ON teams FOR EACH ROW
    WHEN (OLD.source = 'directory' AND OLD.deleted_at IS NULL) EXECUTE FUNCTION scim_totals_deleted();

-- The triggers hold off writers until this commits, so what is counted here is what there is.
INSERT INTO scim_totals SELECT workspace_id, 'people', 0, count(*) FROM people WHERE source = 'directory' AND deleted_at IS NULL GROUP BY workspace_id;
INSERT INTO scim_totals SELECT workspace_id, 'teams', 0, count(*) FROM teams WHERE source = 'directory' AND deleted_at IS NULL GROUP BY workspace_id;

-- +goose Down
DROP TRIGGER teams_total_deleted ON teams;
DROP TRIGGER teams_total_changed ON teams;
DROP TRIGGER teams_total_inserted ON teams;
DROP TRIGGER people_total_deleted ON people;
DROP TRIGGER people_total_changed ON people;
DROP TRIGGER people_total_inserted ON people;
DROP FUNCTION scim_totals_deleted();
DROP FUNCTION scim_totals_changed();
DROP FUNCTION scim_totals_inserted();
DROP FUNCTION scim_totals_add(text, text, bigint);
DROP TABLE scim_totals;
