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
CREATE TRIGGER approvals_fit BEFORE INSERT ON approvals
WHEN NOT EXISTS (SELECT 1 FROM confirmations WHERE id = NEW.confirmation_id AND state = 'pending' AND approvals_needed > 1)
BEGIN
  SELECT RAISE(ABORT, 'approval: nothing to approve');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER approvals_kept BEFORE UPDATE ON approvals
BEGIN
  SELECT RAISE(ABORT, 'approval: never changed or taken back');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER approvals_stay BEFORE DELETE ON approvals
BEGIN
  SELECT RAISE(ABORT, 'approval: never changed or taken back');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER confirmations_quorum BEFORE UPDATE ON confirmations
WHEN NEW.approvals_needed <> OLD.approvals_needed
  OR (NEW.approvals_needed > 1 AND NEW.state = 'approved' AND OLD.state <> 'approved' AND (
       (SELECT count(*) FROM approvals WHERE confirmation_id = NEW.id) < NEW.approvals_needed
    OR NOT EXISTS (SELECT 1 FROM approvals WHERE confirmation_id = NEW.id AND person_id = NEW.person_id)))
BEGIN
  SELECT RAISE(ABORT, 'confirmation: approvals are missing');
END;
-- +goose StatementEnd

-- +goose Down
DROP TRIGGER confirmations_quorum;
DROP TABLE approvals;
ALTER TABLE confirmations DROP COLUMN reported_at;
ALTER TABLE confirmations DROP COLUMN approvals_needed;
ALTER TABLE scim_tokens DROP COLUMN shown_at;
ALTER TABLE workspaces DROP COLUMN frozen_by;
ALTER TABLE workspaces DROP COLUMN frozen_at;
ALTER TABLE workspaces DROP COLUMN freeze_on_report;
ALTER TABLE workspaces DROP COLUMN same_network;
ALTER TABLE workspaces DROP COLUMN two_admins;
ALTER TABLE workspaces DROP COLUMN show_once;
