-- +goose Up
-- +goose StatementBegin
CREATE TRIGGER confirmations_bound BEFORE UPDATE ON confirmations
WHEN NEW.id <> OLD.id OR NEW.workspace_id <> OLD.workspace_id OR NEW.person_id <> OLD.person_id OR NEW.session_hash <> OLD.session_hash
  OR NEW.action <> OLD.action OR NEW.resource <> OLD.resource OR NEW.mode <> OLD.mode OR NEW.expires_at > OLD.expires_at
BEGIN
  SELECT RAISE(ABORT, 'confirmation: bound fields never change');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER confirmations_guard BEFORE UPDATE OF state ON confirmations
WHEN NEW.state <> OLD.state AND (NEW.version <= OLD.version OR NOT (
       (OLD.state = 'pending'  AND NEW.state IN ('approved', 'denied', 'expired', 'cancelled'))
    OR (OLD.state = 'approved' AND NEW.state IN ('consumed', 'expired', 'cancelled'))))
BEGIN
  SELECT RAISE(ABORT, 'confirmation: illegal move');
END;
-- +goose StatementEnd

-- +goose Down
DROP TRIGGER confirmations_guard;
DROP TRIGGER confirmations_bound;
