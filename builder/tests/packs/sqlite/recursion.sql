WITH RECURSIVE total (n, sum) AS (VALUES (0, 0) UNION ALL SELECT n + 1, sum + n + 1 FROM total WHERE n < 100000)
SELECT max(sum) FROM total;
