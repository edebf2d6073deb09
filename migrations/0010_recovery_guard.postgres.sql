-- +goose Up
-- +goose StatementBegin
CREATE FUNCTION recovery_requests_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.state <> 'open' OR NEW.expires_at > NEW.created_at + interval '24 hours' THEN
      RAISE EXCEPTION 'recovery request: begins open and lives a day at most';
    END IF;
    RETURN NEW;
  END IF;
  IF NEW.id <> OLD.id OR NEW.workspace_id <> OLD.workspace_id OR NEW.person_id <> OLD.person_id OR NEW.session_hash <> OLD.session_hash
     OR NEW.approver_id <> OLD.approver_id OR NEW.words <> OLD.words OR NEW.created_at <> OLD.created_at OR NEW.expires_at > OLD.expires_at THEN
    RAISE EXCEPTION 'recovery request: bound fields never change';
  END IF;
  IF OLD.state <> 'open' THEN
    RAISE EXCEPTION 'recovery request: it has ended';
  END IF;
  RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER recovery_requests_guard BEFORE INSERT OR UPDATE ON recovery_requests FOR EACH ROW EXECUTE FUNCTION recovery_requests_guard();

-- +goose StatementBegin
CREATE FUNCTION recovery_codes_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.set_id <> OLD.set_id OR NEW.code_hash <> OLD.code_hash OR OLD.used_at IS NOT NULL THEN
    RAISE EXCEPTION 'recovery code: used once and never again';
  END IF;
  RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER recovery_codes_guard BEFORE UPDATE ON recovery_codes FOR EACH ROW EXECUTE FUNCTION recovery_codes_guard();

-- +goose StatementBegin
CREATE FUNCTION recoveries_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND (NEW.secret_hash <> OLD.secret_hash OR NEW.workspace_id <> OLD.workspace_id OR NEW.person_id <> OLD.person_id
     OR (OLD.pair_until IS NOT NULL AND NEW.pair_until IS DISTINCT FROM OLD.pair_until)
     OR (OLD.session_hash IS NOT NULL AND NEW.session_hash IS DISTINCT FROM OLD.session_hash) OR OLD.ended_at IS NOT NULL) THEN
    RAISE EXCEPTION 'recovery: bound fields never change, and it ends once';
  END IF;
  IF NEW.pair_until > NEW.expires_at + interval '1 hour' OR (NEW.pair_until IS NOT NULL AND NEW.session_hash IS NULL) THEN
    RAISE EXCEPTION 'recovery: pairing is bound to a session and lasts an hour at most';
  END IF;
  RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER recoveries_guard BEFORE INSERT OR UPDATE ON recoveries FOR EACH ROW EXECUTE FUNCTION recoveries_guard();

-- +goose Down
DROP TRIGGER recoveries_guard ON recoveries;
DROP FUNCTION recoveries_guard();
DROP TRIGGER recovery_codes_guard ON recovery_codes;
DROP FUNCTION recovery_codes_guard();
DROP TRIGGER recovery_requests_guard ON recovery_requests;
DROP FUNCTION recovery_requests_guard();
