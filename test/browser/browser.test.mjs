// Drives the admin server in a real browser: README.md says how to run it.
import assert from "node:assert/strict";
import { rename, rm, writeFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";

import { inspect, launch, open, signIn } from "./lib/browser.mjs";
import { download, parseCSV, sheets, unzip } from "./lib/files.mjs";
import { start } from "./lib/server.mjs";

let server;
let browser;
before(async () => {
  server = await start();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

const reportSheets = ["Summary", "Unique User Count", "Entity Type Count", "Integrated Project Count", "Synced Data Count", "Detailed User Report"];

function checkReports({ name, bytes }) {
  assert.equal(name, "Usage Reports.zip");
  const files = unzip(bytes);
  assert.deepEqual([...files.keys()].sort(), ["Usage Report (Last 1 Year).xlsx", "Usage Report (Last 6 Months).xlsx"]);
  for (const workbook of files.values()) assert.deepEqual(sheets(workbook), reportSheets);
}

describe("licenses", () => {
  test("a person signs in with a key and exports the usage reports and logs", async () => {
    const page = await open(browser, server);
    await signIn(page, server.key);
    await page.getByRole("link", { name: "Licenses" }).click();
    checkReports(await download(page, () => page.getByRole("button", { name: "Export Usage Reports", exact: true }).click()));
    const logs = await download(page, () => page.getByRole("button", { name: "Export Usage Logs", exact: true }).click());
    assert.equal(logs.name, "Usage Logs.zip");
    assert.deepEqual(sheets(unzip(logs.bytes).get("Usage Logs.xlsx")), ["User Log", "Group Members Log", "Agents Log", "User Activity Log", "Generation Log"]);
    await page.done();
  });

  test("the same by keyboard alone", async () => {
    const page = await open(browser, server);
    await page.goto("/");
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to content");
    await tabTo(page, "API key");
    await page.keyboard.type(server.key);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Licenses", level: 1 }).waitFor();
    await tabTo(page, "Export Usage Reports");
    checkReports(await download(page, () => page.keyboard.press("Enter")));
    await page.done();
  });

  test("an earlier date", async () => {
    const page = await open(browser, server);
    await signIn(page, server.key);
    const link = page.getByRole("region", { name: "Earlier exports" }).getByRole("link", { name: /Usage Reports\.zip of/ });
    checkReports(await download(page, () => link.first().click()));
    await page.done();
  });
});

// tabTo presses Tab until what has that name has the focus, which must be seen to have it.
async function tabTo(page, name) {
  for (let i = 0; i < 40; i++) {
    await page.keyboard.press("Tab");
    const here = await page.evaluate(() => {
      const e = document.activeElement;
      const { outlineStyle, outlineWidth } = getComputedStyle(e);
      return { name: (e.labels?.[0] ?? e).textContent.trim(), seen: outlineStyle !== "none" && parseFloat(outlineWidth) >= 2 };
    });
    assert.ok(here.seen, `the focus on ${here.name} is seen`);
    if (here.name === name) return;
  }
  assert.fail(`Tab never comes to ${name}`);
}

describe("sign in", () => {
  test("a wrong key is refused in words, and the page sent to is kept", async () => {
    const page = await open(browser, server);
    page.expected.add(401);
    await page.goto("/usage");
    assert.match(page.url(), /\/signin\?return=/);
    await page.getByLabel("API key").fill("urk_nobody");
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await page.getByRole("alert").waitFor();
    await inspect(page, "signin-refused-1280-light");
    await page.getByLabel("API key").fill(server.key);
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await page.getByRole("heading", { name: "Usage", level: 1 }).waitFor();
    await page.done();
  });

  test("signing out ends it", async () => {
    const page = await open(browser, server);
    await signIn(page, server.key);
    await page.locator(".menu > summary").click();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.waitForURL(/\/signin/);
    await page.goto("/licenses");
    assert.match(page.url(), /\/signin/);
    await page.done();
  });

  test("the theme that was chosen stays", async () => {
    const page = await open(browser, server, { theme: "light" });
    await signIn(page, server.key);
    const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await ground();
    await page.locator(".menu > summary").click();
    await page.getByRole("button", { name: "Dark" }).click();
    await page.waitForSelector("html[data-theme=dark]");
    assert.notEqual(await ground(), light);
    await page.goto("/usage");
    assert.notEqual(await ground(), light);
    await page.locator(".menu > summary").click();
    assert.equal(await page.getByRole("button", { name: "Dark" }).getAttribute("aria-pressed"), "true");
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Dark" }).waitFor({ state: "hidden" });
    await page.done();
  });
});

// rowsShown returns the events of the table on all its pages, as people read them.
async function rowsShown(page) {
  const rows = [];
  for (;;) {
    rows.push(
      ...(await page.locator("tr[data-event]").evaluateAll((trs) =>
        trs.map((tr) => ({ id: tr.dataset.event, at: tr.querySelector("time").dateTime, text: [...tr.cells].map((c) => c.innerText.trim()) })),
      )),
    );
    const older = page.getByRole("link", { name: "Older", exact: true });
    if ((await older.count()) === 0) return rows;
    await older.click();
    await page.waitForLoadState();
  }
}

describe("audit log", () => {
  for (const filtered of [false, true]) {
    test(filtered ? "what is filtered is what is exported" : "all of it is exported", async () => {
      const page = await open(browser, server);
      await signIn(page, server.key);
      await page.getByRole("link", { name: "Audit Log" }).click();
      if (filtered) {
        const person = await page.locator("tr[data-event] td:nth-child(3) bdi").first().innerText();
        const { date } = await page.evaluate(() => ({ date: document.getElementById("from").min }));
        await page.getByText("Actions: all").click();
        await page.getByLabel("Member added").check();
        await page.getByLabel("Email invite created").check();
        await page.getByLabel("Member role updated").check();
        await page.getByLabel("Person").fill(person.slice(0, 4));
        await page.getByLabel("From", { exact: true }).fill(date);
        await page.getByLabel("Workspace", { exact: true }).selectOption({ index: 1 });
        await page.getByLabel("Workspace", { exact: true }).selectOption({ index: 0 });
        await page.getByRole("button", { name: "Apply filters" }).click();
        await page.getByRole("link", { name: "Clear" }).waitFor();
      }
      const csv = await download(page, () => page.getByRole("button", { name: "Export as CSV" }).click());
      const json = await download(page, () => page.getByRole("button", { name: "Export as JSON" }).click());
      assert.match(csv.name, /\.csv$/);
      assert.match(json.name, /\.json$/);
      const events = JSON.parse(json.bytes);
      const lines = parseCSV(csv.bytes.toString());
      const rows = await rowsShown(page);
      assert.ok(rows.length > 0, "something is shown");
      assert.deepEqual(rows.map((r) => r.id), events.map((e) => e.event_id), "the table and JSON");
      assert.deepEqual(rows.map((r) => r.id), lines.map((l) => l.event_id), "the table and CSV");
      for (const [i, { text, at }] of rows.entries()) {
        const e = events[i];
        assert.equal(Date.parse(at), Math.floor(Date.parse(e.occurred_at) / 1000) * 1000);
        assert.equal(text[1].split("\n")[0], words(e.action));
        for (const [cell, name] of [[2, e.actor_user_name], [3, e.target_user_name], [4, e.workspace_name], [5, e.ip_address]]) {
          if (name) assert.ok(text[cell].includes(name.trim().replace(/\s+/g, " ")), `${text[cell]} has ${name}`);
        }
        if (filtered) assert.ok(["member.added", "email_invite.created", "member.role_updated"].includes(e.action));
      }
      await page.done();
    });
  }

  test("downloads are in the access to exports", async () => {
    const page = await open(browser, server);
    await signIn(page, server.key);
    await page.goto("/audit-log");
    await page.getByRole("link", { name: "Access to exports" }).click();
    await page.getByText(/Downloaded .*Usage Reports\.zip/).first().waitFor();
    const json = await download(page, () => page.getByRole("button", { name: "Export as JSON" }).click());
    assert.ok(JSON.parse(json.bytes).some((r) => r.kind === "download" && r.object.endsWith("Usage Reports.zip")));
    await page.done();
  });
});

const words = (action) => action[0].toUpperCase() + action.slice(1).replaceAll(/[._]/g, " ");

describe("usage", () => {
  test("charts are drawn, say what they show, and their tables say the same", async () => {
    const page = await open(browser, server);
    await signIn(page, server.key);
    await page.goto("/usage");
    const figures = page.locator("figure.chart");
    assert.equal(await figures.count(), 3);
    for (const figure of await figures.all()) {
      const plot = figure.locator(".plot[role=img]");
      assert.ok((await plot.locator("svg path").count()) > 3, "a chart is drawn");
      await plot.scrollIntoViewIfNeeded();
      const box = await plot.boundingBox();
      const before = await plot.locator("svg text").count();
      await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
      await page.waitForFunction(([e, n]) => e.querySelectorAll("svg text").length > n, [await plot.elementHandle(), before]);
      await figure.getByText("Show as table").click();
      assert.ok(await figure.getByRole("table").isVisible());
    }
    const total = (text) => Number(text.replaceAll(",", ""));
    const weekly = await page.locator("#weekly-generations-figure td").allInnerTexts();
    const tile = await page.locator(".figures div", { hasText: "Total generations" }).locator("dd").first().innerText();
    assert.equal(weekly.map(total).reduce((a, b) => a + b), total(tile), "the weeks add up to all generations");
    await page.done();
  });

  test("presets, dates and workspaces choose what is shown", async () => {
    const page = await open(browser, server);
    await signIn(page, server.key);
    await page.goto("/usage");
    const tile = async () => page.locator(".figures dd").first().innerText();
    const whole = await tile();
    await page.getByRole("link", { name: /30 days/ }).click();
    await page.waitForURL(/from=/);
    assert.notEqual(await tile(), whole);
    await page.getByLabel("Workspace", { exact: true }).selectOption({ index: 1 });
    await page.getByRole("button", { name: "Show", exact: true }).click();
    await page.waitForURL(/workspace_id=[^&]/);
    await inspect(page, "usage-one-workspace-1280-light");
    await page.done();
  });

  test("without JavaScript the tables are there, and forms work", async () => {
    const page = await open(browser, server, { javaScriptEnabled: false });
    await signIn(page, server.key);
    await page.goto("/usage");
    const figure = page.locator("#weekly-generations-figure");
    assert.ok(!(await figure.locator(".plot").isVisible()));
    await figure.locator("summary").click();
    assert.ok((await figure.locator("td").count()) > 50);
    await page.getByRole("link", { name: /30 days/ }).click();
    await page.waitForURL(/from=/);
    checkReports(await download(page, async () => {
      await page.goto("/licenses");
      await page.getByRole("button", { name: "Export Usage Reports" }).click();
    }));
    await page.done();
  });
});

describe("every page, light and dark, wide and narrow", () => {
  for (const theme of ["light", "dark"]) {
    for (const width of [1280, 390]) {
      test(`${theme}, ${width} pixels`, async () => {
        const page = await open(browser, server, { width, theme });
        const name = (page) => `${page}-${width}-${theme}`;
        await page.goto("/signin");
        await page.getByText("No key?").click();
        await inspect(page, name("signin"));
        await signIn(page, server.key);
        const { run_id: run } = await server.latest();
        for (const [title, path, as] of [
          ["Licenses", "/licenses", "licenses"],
          ["Audit Log", "/audit-log", "audit-log"],
          ["Audit Log", "/audit-log?person=nobody-at-all", "audit-log-empty"],
          ["Access to exports", "/audit-log?view=access", "access"],
          ["Usage", "/usage", "usage"],
          ["Runs", "/runs", "runs"],
          ["Run of", `/runs/${run}`, "run"],
        ]) {
          await page.goto(path);
          await page.getByRole("heading", { name: title, level: 1 }).waitFor();
          await page.evaluate(() => document.querySelectorAll("main details").forEach((d) => (d.open = true)));
          await inspect(page, name(as));
        }
        await page.locator(".menu > summary").click();
        await inspect(page, name("menu"));
        page.expected.add(404).add(400);
        for (const [path, as] of [
          ["/runs/20000101T000000Z-2000-01-01", "error-404-run"],
          ["/nowhere", "error-404"],
          ["/usage?from=2026-02-30", "bad-date"],
        ]) {
          await page.goto(path);
          await inspect(page, name(as));
        }
        await page.done();
      });
    }
  }
});

describe("who may not, and what is away", () => {
  test("a key of a workspace opens its audit log and usage, and nothing else", async () => {
    const page = await open(browser, server);
    page.expected.add(403);
    await signIn(page, await server.makeKey("--name", "Workspace admin", "--workspace", await aWorkspace()));
    const nav = page.getByRole("navigation", { name: "Pages" }).getByRole("link");
    assert.deepEqual((await nav.allInnerTexts()).map((s) => s.trim()), ["Audit Log", "Usage"]);
    for (const path of ["/licenses", "/runs", "/audit-log?view=access"]) {
      const answer = await page.goto(path);
      assert.equal(answer.status(), 403, path);
      await page.getByText("role Administrator", { exact: true }).waitFor();
    }
    await inspect(page, "error-403-1280-light");
    await page.emulateMedia({ colorScheme: "dark" });
    await inspect(page, "error-403-1280-dark");
    await page.goto("/usage");
    await inspect(page, "usage-workspace-admin-1280-dark");
    await page.done();
  });

  test("while the bucket is away a page says so, and afterwards it is there again", async () => {
    const page = await open(browser, server);
    page.expected.add(503);
    await signIn(page, server.key);
    const away = `${server.lake}.away`;
    await rename(server.lake, away);
    await writeFile(server.lake, "where the bucket was, nothing can be read");
    try {
      const answer = await page.goto("/runs/20000101T000000Z-2000-01-02");
      assert.equal(answer.status(), 503);
      await inspect(page, "error-503-1280-light");
    } finally {
      await rm(server.lake);
      await rename(away, server.lake);
    }
    await page.goto("/runs");
    await page.getByRole("heading", { name: "Runs", level: 1 }).waitFor();
    await page.done();
  });

  test("who guesses keys has to wait", async () => {
    const page = await open(browser, server);
    page.expected.add(401).add(429);
    let status = 0;
    for (let i = 0; i < 100 && status !== 429; i++) {
      await page.goto("/signin");
      await page.getByLabel("API key").fill(`urk_guess${i}`);
      const [answer] = await Promise.all([
        page.waitForResponse((r) => r.request().method() === "POST"),
        page.getByRole("button", { name: "Sign in", exact: true }).click(),
      ]);
      status = answer.status();
    }
    assert.equal(status, 429);
    await inspect(page, "error-429-1280-light");
    await page.done();
  });
});

// aWorkspace returns the id of a workspace that has an audit log.
async function aWorkspace() {
  const answer = await fetch(`${server.url}/export/audit-log?format=json`, { headers: { "x-api-key": server.key } });
  return (await answer.json())[0].workspace_id;
}
