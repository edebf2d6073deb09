-- What each call of SCIM writes beside its change costs as little as it can.
-- +goose Up
-- A row of the provisioning log has some three thousand bytes. Up to four it lies in the table as it is: Postgres would compress two of its texts and
-- put its sealed request into a table of its own, which took a third of the time of the insert and saved a sixth of the room.
ALTER TABLE provisioning_log SET (toast_tuple_target = 4080);

-- +goose Down
ALTER TABLE provisioning_log RESET (toast_tuple_target);
