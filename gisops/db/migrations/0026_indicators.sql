-- A step of its own for indicators.
SELECT 1;
