-- +goose Up
-- A second more than the limit is let through here: julianday counts in fractions of a day.
-- +goose StatementBegin
CREATE TRIGGER recovery_requests_begin BEFORE INSERT ON recovery_requests
WHEN NEW.state <> 'open' OR julianday(NEW.expires_at) > julianday(NEW.created_at) + 1.00001
BEGIN
  SELECT RAISE(ABORT, 'recovery request: begins open and lives a day at most');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER recovery_requests_guard BEFORE UPDATE ON recovery_requests
WHEN OLD.state <> 'open' OR NEW.id <> OLD.id OR NEW.workspace_id <> OLD.workspace_id OR NEW.person_id <> OLD.person_id
  OR NEW.session_hash <> OLD.session_hash OR NEW.approver_id <> OLD.approver_id OR NEW.words <> OLD.words
  OR NEW.created_at <> OLD.created_at OR NEW.expires_at > OLD.expires_at
BEGIN
  SELECT RAISE(ABORT, 'recovery request: it has ended, or a bound field would change');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER recovery_codes_guard BEFORE UPDATE ON recovery_codes
WHEN OLD.used_at IS NOT NULL OR NEW.set_id <> OLD.set_id OR NEW.code_hash <> OLD.code_hash
BEGIN
  SELECT RAISE(ABORT, 'recovery code: used once and never again');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER recoveries_begin BEFORE INSERT ON recoveries
WHEN NEW.pair_until IS NOT NULL AND (NEW.session_hash IS NULL OR julianday(NEW.pair_until) > julianday(NEW.expires_at) + 0.04168)
BEGIN
  SELECT RAISE(ABORT, 'recovery: pairing is bound to a session and lasts an hour at most');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER recoveries_guard BEFORE UPDATE ON recoveries
WHEN OLD.ended_at IS NOT NULL OR NEW.secret_hash <> OLD.secret_hash OR NEW.workspace_id <> OLD.workspace_id OR NEW.person_id <> OLD.person_id
  OR (OLD.pair_until IS NOT NULL AND NEW.pair_until IS NOT OLD.pair_until)
  OR (OLD.session_hash IS NOT NULL AND NEW.session_hash IS NOT OLD.session_hash)
  OR (NEW.pair_until IS NOT NULL AND (NEW.session_hash IS NULL OR julianday(NEW.pair_until) > julianday(NEW.expires_at) + 0.04168))
BEGIN
  SELECT RAISE(ABORT, 'recovery: bound fields never change, it ends once, and pairing lasts an hour at most');
END;
-- +goose StatementEnd

-- +goose Down
DROP TRIGGER recoveries_guard;
DROP TRIGGER recoveries_begin;
DROP TRIGGER recovery_codes_guard;
DROP TRIGGER recovery_requests_guard;
DROP TRIGGER recovery_requests_begin;
