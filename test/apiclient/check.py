"""Calls the Admin API through a client that openapi-python-client generates from /openapi.json, as an integrator would.

    python test/apiclient/check.py --program ./usagereport --config demo-data/usagereport.yaml

It starts the server on a free port, over what the demo has published, and says what did not answer as its document says.
"""

import argparse
import datetime
import importlib
import io
import json
import pathlib
import subprocess
import sys
import tempfile
import threading
import urllib.request
import zipfile

passed, failed = 0, []


def check(what, ok, found=""):
    global passed
    if ok:
        passed += 1
    else:
        failed.append(f"{what}: {found}")


def program(args, *more):
    return subprocess.run([args.program, *more, "--config", args.config], check=True, capture_output=True, text=True).stdout.strip()


def serve(args):
    server = subprocess.Popen([args.program, "serve", "--listen", "127.0.0.1:0", "--config", args.config], stderr=subprocess.PIPE, text=True)
    for line in server.stderr:
        record = json.loads(line)
        if record["msg"] == "listening":
            url = record["url"]
        if record["msg"] == "serving":
            # Nobody reads the rest, and a full pipe would stop the server.
            threading.Thread(target=server.stderr.read, daemon=True).start()
            return server, url
    raise SystemExit("the server ended before it answered")


def generate(url, folder):
    with urllib.request.urlopen(url + "/openapi.json") as answer:
        (folder / "openapi.json").write_bytes(answer.read())
    here = pathlib.Path(__file__).parent
    done = subprocess.run(
        [sys.executable, "-m", "openapi_python_client", "generate", "--path", folder / "openapi.json", "--config", here / "config.yaml",
         "--meta", "none", "--output-path", folder / "usage_client"], capture_output=True, text=True)
    check("the generator has nothing to say", done.returncode == 0 and "WARNING" not in done.stdout, done.stdout + done.stderr)
    sys.path.insert(0, str(folder))


def calls(url, key, other):
    """Uses the client: key may do everything, other is nobody's."""
    def of(name):
        return importlib.import_module("usage_client." + name)
    client = of("client").AuthenticatedClient(base_url=url, token=key)
    stranger = of("client").AuthenticatedClient(base_url=url, token=other)
    problem, rows, access = of("models").Problem, of("models").ExportAuditLogFormat.JSON, of("models").ExportAccessLogFormat.JSON

    reports = of("api.exports.export_usage_reports")
    got = reports.sync_detailed(client=client)
    names = zipfile.ZipFile(io.BytesIO(got.content)).namelist()
    check("usage reports", got.status_code == 200 and names == ["Usage Report (Last 6 Months).xlsx", "Usage Report (Last 1 Year).xlsx"], names)
    check("its bytes, typed", got.parsed.payload.read() == got.content)
    again = reports.sync_detailed(client=client, if_none_match=got.headers["ETag"])
    check("the same again", again.status_code == 304 and not again.content, again.status_code)
    part = reports.sync_detailed(client=client, range_="bytes=10-19", if_range=got.headers["ETag"])
    check("a part", part.status_code == 206 and part.content == got.content[10:20], part.status_code)
    past = reports.sync_detailed(client=client, date=datetime.date.fromisoformat(got.headers["X-Snapshot-Date"]) - datetime.timedelta(days=1))
    check("an earlier date", past.status_code == 200 and past.content != got.content, past.status_code)
    never = reports.sync_detailed(client=client, date=datetime.date(2001, 1, 1))
    check("a date of which there is none", never.status_code == 404 and isinstance(never.parsed, problem), never.parsed)
    refused = reports.sync_detailed(client=stranger)
    check("a key that is none", refused.status_code == 401 and isinstance(refused.parsed, problem) and refused.parsed.missing == ["API key"], refused.parsed)
    head = of("api.exports.head_usage_logs").sync_detailed(client=client)
    check("the head of the logs", head.status_code == 200 and not head.content and int(head.headers["Content-Length"]) > 0, head.status_code)

    audit = of("api.exports.export_audit_log")
    events = audit.sync(client=client, format_=rows)
    check("audit log", len(events) > 50 and all(e.event_id and e.workspace_id for e in events), len(events))
    some = audit.sync(client=client, format_=rows, action=["member.removed"], workspace_id=events[0].workspace_id)
    check("audit log, filtered", some and all(e.action == "member.removed" and e.workspace_id == events[0].workspace_id for e in some), some)
    # The generator knows one kind of content for an answer; CSV is for people and scripts.
    with urllib.request.urlopen(urllib.request.Request(url + "/export/audit-log?format=csv", headers={"x-api-key": key})) as text:
        head = text.read(40)
        check("audit log as CSV", text.headers["Content-Type"].startswith("text/csv") and head.startswith(b"event_id,"), head)
    trail = of("api.exports.export_access_log").sync(client=client, format_=access)
    check("who downloaded", any(r.object_ and r.object_.endswith("Usage Reports.zip") for r in trail), trail[:2])
    check("who was refused", any(r.kind == "sign_in_refused" for r in trail), trail[:2])
    check("health", of("api.operation.get_health").sync(client=client).status == "ok")
    check("readiness", of("api.operation.get_readiness").sync(client=client).status == "ok")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True, help="the program, built")
    parser.add_argument("--config", required=True, help="the config of the demo")
    args = parser.parse_args()
    key = program(args, "key", "create", "--name", "client", "--role", "Administrator", "--permission", "Server Management: Read", "--workspace", "*")
    server, url = serve(args)
    try:
        with tempfile.TemporaryDirectory() as folder:
            generate(url, pathlib.Path(folder))
            calls(url, key, "nobody")
    finally:
        server.terminate()
        server.wait()
    check("the server ends when told to", server.returncode == 0, server.returncode)
    print(f"Admin API client: {passed} passed, {len(failed)} failed")
    for line in failed:
        print("  " + line)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
