-- A step of its own for the desk.
SELECT 1;
