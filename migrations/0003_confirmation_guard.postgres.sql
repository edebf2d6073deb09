-- +goose Up
-- +goose StatementBegin
CREATE FUNCTION confirmations_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.id <> OLD.id OR NEW.workspace_id <> OLD.workspace_id OR NEW.person_id <> OLD.person_id OR NEW.session_hash <> OLD.session_hash
     OR NEW.action <> OLD.action OR NEW.resource <> OLD.resource OR NEW.mode <> OLD.mode OR NEW.expires_at > OLD.expires_at THEN
    RAISE EXCEPTION 'confirmation: bound fields never change';
  END IF;
  IF NEW.state <> OLD.state AND NOT (
       (OLD.state = 'pending'  AND NEW.state IN ('approved', 'denied', 'expired', 'cancelled'))
    OR (OLD.state = 'approved' AND NEW.state IN ('consumed', 'expired', 'cancelled'))) THEN
    RAISE EXCEPTION 'confirmation: illegal move % to %', OLD.state, NEW.state;
  END IF;
  IF NEW.state <> OLD.state AND NEW.version <= OLD.version THEN
    RAISE EXCEPTION 'confirmation: version must rise';
  END IF;
  RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER confirmations_guard BEFORE UPDATE ON confirmations FOR EACH ROW EXECUTE FUNCTION confirmations_guard();

-- +goose Down
DROP TRIGGER confirmations_guard ON confirmations;
DROP FUNCTION confirmations_guard();
