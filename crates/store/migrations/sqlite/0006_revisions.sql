-- How often something changed that is kept in memory elsewhere: whoever finds another number reads it again.
CREATE TABLE revisions (
    name        TEXT NOT NULL PRIMARY KEY,
    value       INTEGER NOT NULL
) STRICT;
INSERT INTO revisions (name, value) VALUES ('rights', 0);
