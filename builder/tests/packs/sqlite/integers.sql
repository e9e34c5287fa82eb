CREATE TABLE numbers (number INTEGER);
.import /dev/stdin numbers
DELETE FROM numbers WHERE rowid = 1;
SELECT 'sum ' || sum(number) FROM numbers;
WITH RECURSIVE prefix (id, xor) AS (
    VALUES (1, 0)
    UNION ALL
    SELECT id + 1, (xor | number) - (xor & number) FROM prefix JOIN numbers ON rowid = id + 1)
SELECT 'xor ' || xor FROM prefix WHERE id = (SELECT max(rowid) FROM numbers);
SELECT 'median ' || number FROM numbers ORDER BY number LIMIT 1 OFFSET (SELECT count(*) / 2 FROM numbers);
