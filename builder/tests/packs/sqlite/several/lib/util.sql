CREATE TABLE names (name TEXT);
