-- A step of its own for notices.
SELECT 1;
