-- The nine actions in workspaces on the Business plan, D-90 … D-1, of workspaces and people who are gone as well. An address is
-- the event's own, else the member's.
SELECT a.event_id, a.occurred_at, a.workspace_id, w.workspace_name, a.action,
  a.actor_user_id, actor.user_name AS actor_user_name,
  coalesce(nullif(a.actor_email, ''), actor.user_email) AS actor_user_email,
  a.target_user_id, target.user_name AS target_user_name,
  coalesce(nullif(a.target_email, ''), target.user_email) AS target_user_email,
  a.invite_id, a.old_role, a.new_role, a.ip_address
FROM audit_events a, run
JOIN known_workspaces w ON w.workspace_id = a.workspace_id AND w.plan = 'Business'
LEFT JOIN known_members actor ON actor.workspace_id = a.workspace_id AND actor.user_id = a.actor_user_id
LEFT JOIN known_members target ON target.workspace_id = a.workspace_id AND target.user_id = a.target_user_id
WHERE a.day BETWEEN run.d - 90 AND run.d - 1
  AND a.action IN ('public_invite_link.created', 'public_invite_link.deleted', 'public_invite_link.accepted',
    'email_invite.created', 'email_invite.deleted', 'email_invite.accepted', 'member.added', 'member.removed', 'member.role_updated')
