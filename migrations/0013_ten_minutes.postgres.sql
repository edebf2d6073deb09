-- A confirmation ends within ten minutes, whoever writes it (SP 800-63B-4 §3.1.3).
-- +goose Up
ALTER TABLE confirmations ADD CONSTRAINT confirmations_ten_minutes CHECK (expires_at <= created_at + interval '10 minutes');

-- +goose Down
ALTER TABLE confirmations DROP CONSTRAINT confirmations_ten_minutes;
