SELECT 'before';
CREATE TABLE outer_table (id INTEGER PRIMARY KEY);
INSERT INTO outer_table VALUES (1), (1);
