-- What the sheets of one workbook count: the events of its window by their day in the reporting zone, with the users that
-- they were resolved to over the whole year (§6, §7).
CREATE OR REPLACE VIEW syncs AS
SELECT i.system1_id, i.system2_id, e.* FROM sync_events e JOIN known_integrations i USING (integration_id), span
WHERE e.succeeded AND e.day BETWEEN span.first_day AND span.last_day;

CREATE OR REPLACE VIEW seen AS
SELECT o.system_id, o.interaction_type, o.observed_at, o.service_account, u.user_bucket, u.user_name,
  e.key AS email_key, e.shown AS email_shown, n.key AS username_key, n.shown AS username_shown,
  d.key AS display_name_key, d.shown AS display_name_shown
FROM observations o
JOIN users u ON u.email IS NOT DISTINCT FROM o.email AND u.username IS NOT DISTINCT FROM o.username
  AND u.display_name IS NOT DISTINCT FROM o.display_name
LEFT JOIN texts e ON e.text = o.email
LEFT JOIN texts n ON n.text = o.username
LEFT JOIN texts d ON d.text = o.display_name
JOIN span ON o.day BETWEEN span.first_day AND span.last_day;
