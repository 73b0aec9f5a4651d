-- name: about
-- About how many cases there are.
SELECT greatest(c.reltuples, 0)::bigint AS cases FROM pg_class c WHERE c.oid = 'cases'::regclass;

-- name: next
-- The next cases in the order of their keys: the last of them, how many, and how many entries they have.
SELECT (SELECT c.case_id FROM (SELECT case_id FROM cases WHERE %(after)s::uuid IS NULL OR case_id > %(after)s ORDER BY case_id LIMIT %(most)s) c
        ORDER BY c.case_id DESC LIMIT 1) AS last, count(*)::int AS cases, coalesce(sum(n.version), 0)::bigint AS entries
FROM (SELECT version FROM cases WHERE %(after)s::uuid IS NULL OR case_id > %(after)s ORDER BY case_id LIMIT %(most)s) n;

-- name: faults
-- The first fault among the cases between two keys: a broken chain, a case that does not stand where its history ends, a text that is not the one
-- its move was made with.
SELECT c.case_no, f.seq, f.problem
FROM (
  SELECT b.district_code, b.case_id, b.seq, b.problem
  FROM broken_history(%(after)s, %(last)s) b
  UNION ALL
  SELECT q.district_code, q.case_id, NULL, CASE WHEN h.seq IS NULL THEN 'cut short' ELSE 'case differs' END
  FROM cases q
  LEFT JOIN case_history h ON h.district_code = q.district_code AND h.case_id = q.case_id AND h.seq = q.version
  WHERE (%(after)s::uuid IS NULL OR q.case_id > %(after)s) AND q.case_id <= %(last)s
    AND (h.seq IS NULL OR h.to_state <> q.state
         OR EXISTS (SELECT FROM case_history m WHERE m.district_code = q.district_code AND m.case_id = q.case_id AND m.seq > q.version))
  UNION ALL
  SELECT t.district_code, t.case_id, t.seq, 'text altered'
  FROM case_texts t
  JOIN case_history h ON h.district_code = t.district_code AND h.case_id = t.case_id AND h.seq = t.seq
  WHERE t.kind = 'move' AND (%(after)s::uuid IS NULL OR t.case_id > %(after)s) AND t.case_id <= %(last)s
    AND encode(sha256(t.salt || convert_to(t.text, 'UTF8')), 'hex') IS DISTINCT FROM h.payload ->> 'text'
) f
JOIN cases c ON c.district_code = f.district_code AND c.case_id = f.case_id
ORDER BY c.case_id, f.seq NULLS LAST
LIMIT 1;
