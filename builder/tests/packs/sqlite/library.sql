WITH words (word) AS (VALUES ('banana'), ('apple'), ('cherry'), ('apple'), ('banana'), ('apple')),
     counts AS (SELECT word, count(*) AS count FROM words GROUP BY word ORDER BY word)
SELECT 'maps ' || group_concat(word || '=' || count, ' ') FROM counts;
WITH numbers (number) AS (VALUES (3), (-5), (9), (0), (8), (-1)), sorted AS (SELECT * FROM numbers ORDER BY number)
SELECT 'sort ' || group_concat(number, ' ') FROM sorted;
SELECT 'regex ' || group_concat(value, ' ')
FROM json_each('["2024-02-29", "1999-12-31", "99-1-1"]') WHERE value REGEXP '^[0-9]{4}-[0-9]{2}-[0-9]{2}$';
SELECT 'json ' || json_extract(document, '$.name') || ' ' ||
       (SELECT sum(value) FROM json_each(document, '$.values')) || ' ' || json_array(1, NULL, 'x')
FROM (SELECT '{"name": "caf\u00e9", "values": [1, 2, 3]}' AS document);
SELECT printf('sqrt %.6f', sqrt(2));
SELECT 'time ' || strftime('%Y-%m-%dT%H:%M:%SZ', 1000000000, 'unixepoch');
