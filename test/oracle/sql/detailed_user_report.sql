-- Every user seen in the window, a row each (§6). Values are distinct by key, sorted by it, and shown as they were last
-- seen for the user; of several seen in one second, which is what cells show, the bytewise smallest.
WITH texts AS (
  SELECT user_bucket, user_name, 'email' AS field, email_key AS key, email_shown AS shown, observed_at FROM seen
  UNION ALL
  SELECT user_bucket, user_name, 'username', username_key, username_shown, observed_at FROM seen
  UNION ALL
  SELECT user_bucket, user_name, 'display_name', display_name_key, display_name_shown, observed_at FROM seen
), latest AS (
  SELECT user_bucket, user_name, field, key, shown FROM texts WHERE key IS NOT NULL
  QUALIFY row_number() OVER (PARTITION BY user_bucket, user_name, field, key ORDER BY date_trunc('second', observed_at) DESC, shown) = 1
), cells AS (
  SELECT user_bucket, user_name,
    string_agg(shown, '; ' ORDER BY key) FILTER (field = 'email') AS email,
    string_agg(shown, '; ' ORDER BY key) FILTER (field = 'username') AS username,
    string_agg(shown, '; ' ORDER BY key) FILTER (field = 'display_name') AS display_name
  FROM latest GROUP BY ALL
), kinds AS (
  SELECT user_bucket, user_name, string_agg(DISTINCT interaction_type, '; ' ORDER BY interaction_type) AS interaction_types,
    CASE WHEN bool_or(coalesce(service_account, false)) THEN 'Yes' ELSE 'No' END AS service_account,
    wall(max(observed_at)) AS last_seen
  FROM seen GROUP BY ALL
), places AS (
  SELECT user_bucket, user_name, s.name AS system, max(observed_at) AS last
  FROM seen JOIN systems s USING (system_id) GROUP BY ALL
), observed AS (
  SELECT user_bucket, user_name,
    string_agg(system || ' (' || strftime(wall(last), '%Y-%m-%d %H:%M') || ')', '; ' ORDER BY system) AS observed_in
  FROM places GROUP BY ALL
), renamed AS ( -- the usernames of emails that were seen with two or more of them
  SELECT user_bucket, user_name, username_key, system_id
  FROM seen WHERE email_key IS NOT NULL AND username_key IS NOT NULL
  QUALIFY count(DISTINCT username_key) OVER (PARTITION BY user_bucket, user_name, email_key) > 1
), by_username AS (
  SELECT user_bucket, user_name, username_key, string_agg(DISTINCT s.name, ', ' ORDER BY s.name) AS systems
  FROM renamed JOIN systems s USING (system_id) GROUP BY ALL
), duplicates AS (
  SELECT b.user_bucket, b.user_name, string_agg(l.shown || ' (' || b.systems || ')', '; ' ORDER BY b.username_key) AS duplicates
  FROM by_username b
  JOIN latest l ON l.user_bucket = b.user_bucket AND l.user_name = b.user_name AND l.field = 'username' AND l.key = b.username_key
  GROUP BY ALL
)
SELECT email, username, display_name, interaction_types, observed_in, service_account, last_seen, duplicates
FROM cells
JOIN kinds USING (user_bucket, user_name)
JOIN observed USING (user_bucket, user_name)
LEFT JOIN duplicates USING (user_bucket, user_name)
ORDER BY email NULLS LAST, username NULLS LAST, display_name NULLS LAST
