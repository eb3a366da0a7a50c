-- Users by the system that they were seen in, and all of them together: not the sum (§6).
WITH rows AS (
  SELECT DISTINCT s.name AS system, o.user_bucket, o.user_name FROM seen o JOIN systems s USING (system_id)
  UNION ALL
  SELECT DISTINCT 'All systems', user_bucket, user_name FROM seen
)
SELECT system, count(*)::BIGINT,
  count(*) FILTER (user_bucket = 'Usernames or Emails')::BIGINT, count(*) FILTER (user_bucket = 'Emails')::BIGINT,
  count(*) FILTER (user_bucket = 'Display Names')::BIGINT, count(*) FILTER (user_bucket = 'Usernames')::BIGINT
FROM rows GROUP BY system
ORDER BY system = 'All systems', 2 DESC, 1
