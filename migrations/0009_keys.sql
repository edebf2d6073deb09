-- +goose Up
-- Keys of the server are replaced one by another: the old one names its successor and signs the announcement that phones check; until it is
-- ended it goes on serving the phones that have not moved.
ALTER TABLE server_keys ADD COLUMN successor text NOT NULL DEFAULT '';
ALTER TABLE server_keys ADD COLUMN announcement {{.Bytes}};
ALTER TABLE server_keys ADD COLUMN announcement_sig {{.Bytes}};
ALTER TABLE server_keys ADD COLUMN ended_at {{.Timestamp}};

-- The key that a phone holds to: what it is asked is signed with it. And the key that its Web Push subscription was made with.
ALTER TABLE devices ADD COLUMN server_kid text NOT NULL DEFAULT '';
ALTER TABLE devices ADD COLUMN vapid_kid text NOT NULL DEFAULT '';
UPDATE devices SET server_kid = COALESCE((SELECT kid FROM server_keys WHERE purpose = 'challenge' AND retired_at IS NULL), '');
UPDATE devices SET vapid_kid = COALESCE((SELECT kid FROM server_keys WHERE purpose = 'vapid' AND retired_at IS NULL), '') WHERE push_kind = 'webpush';

-- +goose Down
ALTER TABLE devices DROP COLUMN vapid_kid;
ALTER TABLE devices DROP COLUMN server_kid;
ALTER TABLE server_keys DROP COLUMN ended_at;
ALTER TABLE server_keys DROP COLUMN announcement_sig;
ALTER TABLE server_keys DROP COLUMN announcement;
ALTER TABLE server_keys DROP COLUMN successor;
