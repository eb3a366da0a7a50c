"""What the contract says of the six published tables and of the sheets of the workbooks, as literals: fields, order,
types, grain, sort order."""

S, D, B, I, INSTANT = "VARCHAR", "DATE", "BOOLEAN", "BIGINT", "TIMESTAMP WITH TIME ZONE"  # as DuckDB names them

FIELDS = {
    "user_log": [
        ("workspace_id", S), ("workspace_name", S), ("user_id", S), ("user_name", S), ("user_email", S),
        ("user_role", S), ("user_department", S), ("user_active", B), ("user_created_date", D),
        ("user_revoked_date", D), ("first_login_date", D), ("last_login_date", D),
        ("first_content_generation_date", D), ("last_content_generation_date", D),
        ("invite_sent_from_email", S), ("invite_sent_date", D),
    ],
    "group_members_log": [
        ("workspace_id", S), ("workspace_name", S), ("group_id", S), ("group_name", S), ("group_visibility", S),
        ("creator_user_id", S), ("creator_user_email", S), ("creator_user_name", S), ("group_created_date", D),
        ("member_user_id", S), ("member_user_email", S), ("member_user_name", S), ("member_added_date", D),
        ("group_has_knowledge_applied", B), ("group_has_voice_applied", B), ("assets_in_group", I),
        ("group_has_iq_applied", B),
    ],
    "agents_log": [
        ("workspace_id", S), ("agent_id", S), ("agent_name", S), ("agent_created_date", D), ("agent_type", S),
        ("agent_active", B), ("studio_agent", B), ("creator_user_id", S), ("creator_user_name", S),
        ("creator_user_email", S), ("agent_visibility", S),
    ],
    "user_activity_log": [
        ("workspace_id", S), ("workspace_name", S), ("user_id", S), ("user_name", S), ("user_email", S),
        ("user_login_date", D),
    ],
    "generation_log": [
        ("run_time", S), ("workspace_id", S), ("workspace_name", S), ("user_id", S), ("user_name", S),
        ("user_email", S), ("content_created_date", D), ("canvas_id", S), ("canvas_name", S), ("grid_id", S),
        ("grid_name", S), ("generation_type", S), ("generation_feature", S), ("api_endpoint", S),
        ("generation_agent_type", S), ("agent_id", S), ("generation_agent_name", S), ("generation_used_iq", B),
        ("content_generations", I),
    ],
    "audit_log": [
        ("event_id", S), ("occurred_at", INSTANT), ("workspace_id", S), ("workspace_name", S), ("action", S), ("actor_user_id", S),
        ("actor_user_name", S), ("actor_user_email", S), ("target_user_id", S), ("target_user_name", S), ("target_user_email", S),
        ("invite_id", S), ("old_role", S), ("new_role", S), ("ip_address", S),
    ],
}

# As pyarrow names the same types.
ARROW = {S: "string", D: "date32[day]", B: "bool", I: "int64", INSTANT: "timestamp[us, tz=UTC]"}

# What one row stands for, in the order that rows are sorted by: the workspace, the day, the rest of the grain in the
# order of the fields. Nulls come first, text goes by its bytes, false before true; a minus: newest first.
SORT = {
    "user_log": ["workspace_id", "user_id"],
    "group_members_log": ["workspace_id", "group_id", "member_user_id"],
    "agents_log": ["workspace_id", "agent_id"],
    "user_activity_log": ["workspace_id", "user_login_date", "user_id"],
    "generation_log": [
        "workspace_id", "content_created_date", "user_id", "canvas_id", "grid_id", "generation_type",
        "generation_feature", "api_endpoint", "generation_agent_type", "agent_id", "generation_used_iq",
    ],
    "audit_log": ["-occurred_at", "event_id"],
}

# The sheets of the five logs in Usage Logs.zip.
LOG_SHEETS = {
    "user_log": "User Log", "group_members_log": "Group Members Log", "agents_log": "Agents Log",
    "user_activity_log": "User Activity Log", "generation_log": "Generation Log",
}

T, N, W = "text", "number", "time"  # what the cells of a column are

# The sheets of a usage report after its Summary: columns, their kinds, and the file in sql/ that computes the rows.
SHEETS = {
    "Unique User Count": ("unique_user_count", [
        ("System / Source", T), ("Count", N), ("Usernames or Emails", N), ("Emails", N), ("Display Names", N), ("Usernames", N),
    ]),
    "Entity Type Count": ("entity_type_count", [
        ("System Pairs", T), ("End System", T), ("Entity Types", T), ("Status", T), ("Last Synced", W),
    ]),
    "Integrated Project Count": ("integrated_project_count", [
        ("End System 1", T), ("End System 1 Project", T), ("End System 2", T), ("End System 2 Project", T), ("Status", T),
        ("Last Updated", W), ("Last Synced", W),
    ]),
    "Synced Data Count": ("synced_data_count", [
        ("End System 1", T), ("End System 2", T), ("Counts Based on System Pair", N), ("Last Synced", W),
    ]),
    "Detailed User Report": ("detailed_user_report", [
        ("Email", T), ("Username", T), ("Display Name", T), ("Interaction Types", T), ("Observed In", T),
        ("Service Account", T), ("Last Seen", W), ("Duplicates", T),
    ]),
}

WORKBOOKS = {"Usage Report (Last 6 Months).xlsx": 6, "Usage Report (Last 1 Year).xlsx": 12}  # months
