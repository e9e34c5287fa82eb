.read lib/util.sql
.import data.txt names
SELECT 'Hello, ' || name || '!' FROM names;
