-- What a telephone number and a name look like to somebody who may know that there is one, and not which.

CREATE OR REPLACE FUNCTION masked_phone(phone text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
-- 13800138000 becomes 138****8000; four stars whatever they stand for. A shorter number keeps its last two digits, and one of fewer than seven
-- signs nothing, since what is left out must be too much to be tried.
RETURN CASE
  WHEN phone IS NULL OR phone = '' THEN phone
  WHEN length(phone) >= 11 THEN left(phone, 3) || '****' || right(phone, 4)
  WHEN length(phone) >= 7 THEN '****' || right(phone, 2)
  ELSE '****'
END;

CREATE OR REPLACE FUNCTION masked_name(name text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
-- The first sign, which is the family name in Chinese, and two stars: 王小明 becomes 王**, Sample Officer S**. A name of one sign is all stars.
RETURN CASE WHEN name IS NULL OR name = '' THEN name WHEN length(name) = 1 THEN '**' ELSE left(name, 1) || '**' END;
