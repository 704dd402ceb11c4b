-- How often something changed that is kept in memory elsewhere: whoever finds another number reads it again.
CREATE TABLE revisions (
    name        TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    value       BIGINT NOT NULL
);
INSERT INTO revisions (name, value) VALUES ('rights', 0);
