"""Works usage figures out with SQL, from the published Parquet files of a date.

usage.py LAKE DATE < queries.json > answers.json: a list of {"Workspaces": null or ids, "From": …, "To": …, "Top": …} gives a list
of answers with the names of figures.Usage.
"""

import datetime
import json
import sys

import duckdb


def table(name):
    return f"'{lake}/logs/{name}/snapshot_date={date}/*.parquet'"


def rows(sql, *parameters):
    return db.execute(sql, parameters).fetchall()


def totals(first, last):
    generations, iq, without = rows(
        """SELECT coalesce(sum(content_generations), 0)::BIGINT,
                  coalesce(sum(content_generations) FILTER (generation_used_iq), 0)::BIGINT,
                  coalesce(sum(content_generations) FILTER (user_id IS NULL), 0)::BIGINT
           FROM g WHERE content_created_date BETWEEN ? AND ?""", first, last)[0]
    users, iq_users = rows(
        """SELECT count(DISTINCT user_id), count(DISTINCT user_id) FILTER (generation_used_iq)
           FROM g WHERE content_created_date BETWEEN ? AND ?""", first, last)[0]
    logins, login_users = rows(
        "SELECT count(*), count(DISTINCT user_id) FROM l WHERE user_login_date BETWEEN ? AND ?", first, last)[0]
    since = max(last - datetime.timedelta(days=29), begin)
    active = rows("SELECT count(DISTINCT user_id) FROM seen WHERE day BETWEEN ? AND ?", since, last)[0][0]
    return {
        "From": str(first), "To": str(last), "Generations": generations, "IQGenerations": iq, "Users": users, "IQUsers": iq_users,
        "WithoutUser": without, "Logins": logins, "LoginUsers": login_users, "ActiveUsers": active, "ActiveFrom": str(since),
        "ActiveTo": str(last),
    }


def answer(query):
    ids = query["Workspaces"]
    chosen = "true" if ids is None else "workspace_id IN (SELECT unnest(?::VARCHAR[]))"
    for name, of in [("g", "generation_log"), ("l", "user_activity_log"), ("u", "user_log")]:
        db.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM {table(of)} WHERE {chosen}", [] if ids is None else [ids])
    db.execute("""CREATE OR REPLACE TABLE seen AS
        SELECT workspace_id, user_id, user_login_date AS day FROM l
        UNION ALL SELECT workspace_id, user_id, content_created_date FROM g WHERE user_id IS NOT NULL""")
    first, last = (datetime.date.fromisoformat(query[k]) for k in ("From", "To"))
    days = (last - first).days + 1
    before = first - datetime.timedelta(days=days)
    now = totals(first, last)
    since = datetime.date.fromisoformat(now["ActiveFrom"])
    licences, in_use = rows(
        """SELECT count(*), count(*) FILTER ((workspace_id, user_id) IN
               (SELECT (workspace_id, user_id) FROM seen WHERE day BETWEEN ? AND ?)) FROM u WHERE user_active""", since, last)[0]
    weeks = rows(
        """WITH days AS (SELECT unnest(generate_series(?::DATE, ?::DATE, INTERVAL 1 DAY))::DATE AS day),
             weeks AS (SELECT date_trunc('week', day)::DATE AS monday, count(*) AS days FROM days GROUP BY 1),
             made AS (SELECT date_trunc('week', content_created_date)::DATE AS monday, sum(content_generations)::BIGINT AS n,
                        coalesce(sum(content_generations) FILTER (generation_used_iq), 0)::BIGINT AS iq
                      FROM g WHERE content_created_date BETWEEN ? AND ? GROUP BY 1),
             came AS (SELECT date_trunc('week', user_login_date)::DATE AS monday, count(*) AS n, count(DISTINCT user_id) AS users
                      FROM l WHERE user_login_date BETWEEN ? AND ? GROUP BY 1)
           SELECT monday, days, coalesce(made.n, 0), coalesce(iq, 0), coalesce(came.n, 0), coalesce(users, 0)
           FROM weeks LEFT JOIN made USING (monday) LEFT JOIN came USING (monday) ORDER BY monday""",
        first, last, first, last, first, last)
    features = rows(
        """SELECT generation_feature, sum(content_generations)::BIGINT,
                  coalesce(sum(content_generations) FILTER (generation_used_iq), 0)::BIGINT
           FROM g WHERE content_created_date BETWEEN ? AND ? GROUP BY 1""", first, last)
    agents = rows(
        """SELECT agent_id, any_value(generation_agent_name), any_value(generation_agent_type), sum(content_generations)::BIGINT AS n
           FROM g WHERE content_created_date BETWEEN ? AND ? AND agent_id IS NOT NULL GROUP BY 1 ORDER BY n DESC, 1""", first, last)
    users = rows(
        """SELECT user_id, any_value(user_name), any_value(user_email), sum(content_generations)::BIGINT AS n,
                  coalesce(sum(content_generations) FILTER (generation_used_iq), 0)::BIGINT
           FROM g WHERE content_created_date BETWEEN ? AND ? AND user_id IS NOT NULL GROUP BY 1 ORDER BY n DESC, 1 LIMIT ?""",
        first, last, query["Top"])
    by_day = rows(
        "SELECT content_created_date, sum(content_generations)::BIGINT FROM g WHERE content_created_date BETWEEN ? AND ? GROUP BY 1",
        first, last)
    return {
        "Totals": now, "Previous": totals(before, first - datetime.timedelta(days=1)) if before >= begin else None,
        "Licences": licences, "InUse": in_use,
        "Weeks": [dict(zip(("Monday", "Days", "Generations", "IQGenerations", "Logins", "LoginUsers"), (str(w[0]), *w[1:]))) for w in weeks],
        "Features": {f[0]: list(f[1:]) for f in features},
        "Agents": [dict(zip(("ID", "Name", "Type", "Generations"), [v or "" for v in a])) for a in agents[:query["Top"]]],
        "AgentCount": len(agents), "WithAgent": sum(a[3] for a in agents),
        "Users": [dict(zip(("ID", "Name", "Email", "Generations", "IQGenerations"), [v or "" for v in u[:3]] + list(u[3:]))) for u in users],
        "Days": {str(d): n for d, n in by_day},
    }


lake, date = sys.argv[1:]
db = duckdb.connect(config={"threads": 2})
begin = datetime.date.fromisoformat(date) - datetime.timedelta(days=365)
json.dump([answer(q) for q in json.load(sys.stdin)], sys.stdout)
