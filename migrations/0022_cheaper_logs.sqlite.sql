-- What each call of SCIM writes beside its change costs as little as it can. SQLite compresses nothing, so there is nothing to change.
-- +goose Up
SELECT 1;

-- +goose Down
SELECT 1;
