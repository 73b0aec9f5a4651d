-- A step of its own for auto-filing.
SELECT 1;
