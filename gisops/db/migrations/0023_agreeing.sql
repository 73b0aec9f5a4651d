-- A step of its own for agreements.
SELECT 1;
