-- +goose Up
-- When this database was brought back from a backup. What was made before the cut is refused until an operator has confirmed it.
CREATE TABLE restores (
    id           text NOT NULL PRIMARY KEY,
    cut_at       {{.Timestamp}} NOT NULL,
    operator     text NOT NULL,
    confirmed_at {{.Timestamp}},
    confirmed_by text NOT NULL DEFAULT ''
);

-- +goose Down
DROP TABLE restores;
