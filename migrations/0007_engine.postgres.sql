-- What a workspace demands of confirmations beyond the mode, and reveals that a report has frozen.
-- +goose Up
ALTER TABLE workspaces ADD COLUMN show_once {{.Bool}} NOT NULL DEFAULT false;
ALTER TABLE workspaces ADD COLUMN two_admins {{.Bool}} NOT NULL DEFAULT false;
ALTER TABLE workspaces ADD COLUMN same_network {{.Bool}} NOT NULL DEFAULT false;
ALTER TABLE workspaces ADD COLUMN freeze_on_report {{.Bool}} NOT NULL DEFAULT false;
ALTER TABLE workspaces ADD COLUMN frozen_at {{.Timestamp}};
ALTER TABLE workspaces ADD COLUMN frozen_by text NOT NULL DEFAULT '';
ALTER TABLE scim_tokens ADD COLUMN shown_at {{.Timestamp}};
ALTER TABLE confirmations ADD COLUMN approvals_needed integer NOT NULL DEFAULT 1 CHECK (approvals_needed IN (1, 2));
ALTER TABLE confirmations ADD COLUMN reported_at {{.Timestamp}};

-- Who has approved a confirmation that needs two admins, with the signature of each.
CREATE TABLE approvals (
    confirmation_id text NOT NULL REFERENCES confirmations (id),
    person_id       text NOT NULL REFERENCES people (id),
    person_name     text NOT NULL,
    device_id       text NOT NULL REFERENCES devices (id),
    device_name     text NOT NULL,
    response        {{.Bytes}} NOT NULL,
    sig             {{.Bytes}} NOT NULL,
    approved_at     {{.Timestamp}} NOT NULL,
    PRIMARY KEY (confirmation_id, person_id)
);
CREATE INDEX approvals_person ON approvals (person_id);
CREATE INDEX approvals_device ON approvals (device_id);

-- +goose StatementBegin
CREATE FUNCTION approvals_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    RAISE EXCEPTION 'approval: never changed or taken back';
  END IF;
  IF NOT EXISTS (SELECT 1 FROM confirmations WHERE id = NEW.confirmation_id AND state = 'pending' AND approvals_needed > 1) THEN
    RAISE EXCEPTION 'approval: nothing to approve';
  END IF;
  RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER approvals_guard BEFORE INSERT OR UPDATE OR DELETE ON approvals FOR EACH ROW EXECUTE FUNCTION approvals_guard();

-- +goose StatementBegin
CREATE FUNCTION confirmations_quorum() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.approvals_needed <> OLD.approvals_needed THEN
    RAISE EXCEPTION 'confirmation: the number of approvals never changes';
  END IF;
  IF NEW.state = 'approved' AND OLD.state <> 'approved' AND (
       (SELECT count(*) FROM approvals WHERE confirmation_id = NEW.id) < NEW.approvals_needed
    OR NOT EXISTS (SELECT 1 FROM approvals WHERE confirmation_id = NEW.id AND person_id = NEW.person_id)) THEN
    RAISE EXCEPTION 'confirmation: approvals are missing';
  END IF;
  RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER confirmations_quorum BEFORE UPDATE ON confirmations FOR EACH ROW
WHEN (OLD.approvals_needed > 1 OR NEW.approvals_needed > 1) EXECUTE FUNCTION confirmations_quorum();

-- +goose Down
DROP TRIGGER confirmations_quorum ON confirmations;
DROP FUNCTION confirmations_quorum();
DROP TABLE approvals;
DROP FUNCTION approvals_guard();
ALTER TABLE confirmations DROP COLUMN reported_at;
ALTER TABLE confirmations DROP COLUMN approvals_needed;
ALTER TABLE scim_tokens DROP COLUMN shown_at;
ALTER TABLE workspaces DROP COLUMN frozen_by;
ALTER TABLE workspaces DROP COLUMN frozen_at;
ALTER TABLE workspaces DROP COLUMN freeze_on_report;
ALTER TABLE workspaces DROP COLUMN same_network;
ALTER TABLE workspaces DROP COLUMN two_admins;
ALTER TABLE workspaces DROP COLUMN show_once;
