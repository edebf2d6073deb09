-- +goose Up
-- A change of very many rows counts them itself, once, and says so by a setting of its transaction: row by row each would add to the same total, and
-- each addition of one transaction takes longer than the one before.
DROP TRIGGER people_total_changed ON people;
DROP TRIGGER teams_total_changed ON teams;
CREATE TRIGGER people_total_changed AFTER UPDATE OF source, deleted_at ON people FOR EACH ROW
    WHEN ((OLD.source = 'directory' AND OLD.deleted_at IS NULL) <> (NEW.source = 'directory' AND NEW.deleted_at IS NULL)
        AND COALESCE(current_setting('countersign.counts', true), '') <> 'itself') EXECUTE FUNCTION scim_totals_changed();
CREATE TRIGGER teams_total_changed AFTER UPDATE OF source, deleted_at ON teams FOR EACH ROW
    WHEN ((OLD.source = 'directory' AND OLD.deleted_at IS NULL) <> (NEW.source = 'directory' AND NEW.deleted_at IS NULL)
        AND COALESCE(current_setting('countersign.counts', true), '') <> 'itself') EXECUTE FUNCTION scim_totals_changed();

-- +goose Down
DROP TRIGGER people_total_changed ON people;
DROP TRIGGER teams_total_changed ON teams;
CREATE TRIGGER people_total_changed AFTER UPDATE OF source, deleted_at ON people FOR EACH ROW
    WHEN ((OLD.source = 'directory' AND OLD.deleted_at IS NULL) <> (NEW.source = 'directory' AND NEW.deleted_at IS NULL)) EXECUTE FUNCTION scim_totals_changed();
CREATE TRIGGER teams_total_changed AFTER UPDATE OF source, deleted_at ON teams FOR EACH ROW
    WHEN ((OLD.source = 'directory' AND OLD.deleted_at IS NULL) <> (NEW.source = 'directory' AND NEW.deleted_at IS NULL)) EXECUTE FUNCTION scim_totals_changed();
