-- The texts of resources and scopes are kept once in a file, by the first 24 hex digits of their SHA-256. A file is made
-- with all migrations and keeps its version: those of version 1 are read as they are.
CREATE TABLE texts (
  key VARCHAR NOT NULL,
  text VARCHAR NOT NULL
);
ALTER TABLE spans ADD COLUMN scope_key VARCHAR;
ALTER TABLE spans DROP COLUMN resource;
ALTER TABLE spans DROP COLUMN scope;
ALTER TABLE logs ADD COLUMN resource_key VARCHAR;
ALTER TABLE logs ADD COLUMN scope_key VARCHAR;
ALTER TABLE logs DROP COLUMN resource;
ALTER TABLE logs DROP COLUMN scope;
