-- The days with a login, D-365 … D-1, of users the members no longer hold as well.
SELECT DISTINCT l.workspace_id, w.workspace_name, l.user_id, m.user_name, m.user_email, l.day AS user_login_date
FROM logins l, run
LEFT JOIN known_workspaces w ON w.workspace_id = l.workspace_id
LEFT JOIN known_members m ON m.workspace_id = l.workspace_id AND m.user_id = l.user_id
WHERE l.day BETWEEN run.d - 365 AND run.d - 1
