-- +goose Up
-- A row is bytes under a key; who writes it proves that it knows its version. Free space in each page keeps updates there, where no
-- index needs to hear of them. Bodies are sealed: compressing them is in vain.
CREATE TABLE nymstream.rows (
    version bigint NOT NULL,
    space smallint NOT NULL,
    key uuid NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (space, key)
) WITH (fillfactor = 90);
ALTER TABLE nymstream.rows ALTER COLUMN body SET STORAGE EXTERNAL;

-- +goose Down
DROP TABLE nymstream.rows;
