SELECT 'Grüße, Мир, 世界, 😀';
CREATE TABLE lines (line TEXT);
.import /dev/stdin lines
WITH RECURSIVE reversed (id, line, at, text) AS (
    SELECT rowid, line, 1, '' FROM lines
    UNION ALL
    SELECT id, line, at + 1, substr(line, at, 1) || text FROM reversed WHERE at <= length(line))
SELECT length(line) || ' ' || text FROM reversed WHERE at > length(line) ORDER BY id;
