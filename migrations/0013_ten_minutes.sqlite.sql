-- A confirmation ends within ten minutes, whoever writes it (SP 800-63B-4 §3.1.3); SQLite adds no CHECK to a table that is there.
-- +goose Up
-- +goose StatementBegin
CREATE TRIGGER confirmations_ten_minutes BEFORE INSERT ON confirmations
WHEN (julianday(NEW.expires_at) - julianday(NEW.created_at)) * 86400.0 > 600.01
BEGIN
  SELECT RAISE(ABORT, 'confirmation: it ends within ten minutes');
END;
-- +goose StatementEnd

-- +goose Down
DROP TRIGGER confirmations_ten_minutes;
