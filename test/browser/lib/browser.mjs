// One headless browser, and pages in it that watch themselves: whatever the console complains of, whatever the content
// security policy stops and whatever is asked of another host is a failure.
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import AxeBuilder from "@axe-core/playwright";
import { chromium } from "playwright-core";

export const screenshots = path.resolve(process.env.USAGEREPORT_SCREENSHOTS ?? path.join(import.meta.dirname, "../screenshots"));

export async function launch() {
  await mkdir(screenshots, { recursive: true });
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox", // CI runs as root, where Chromium has none
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

// open opens a page in a context of its own. Its done() says what went wrong, and closes both.
export async function open(browser, server, { width = 1280, theme = "light", ...more } = {}) {
  const context = await browser.newContext({
    baseURL: server.url,
    viewport: { width, height: width < 600 ? 844 : 800 },
    colorScheme: theme,
    reducedMotion: "reduce",
    acceptDownloads: true,
    ...more,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const faults = [];
  page.expected = new Set(); // statuses that a page is asked for on purpose
  context.on("request", (request) => {
    if (new URL(request.url()).origin !== server.url && !request.url().startsWith("data:")) faults.push(`asked another host: ${request.url()}`);
  });
  page.on("pageerror", (error) => faults.push(`${page.url()}: ${error.message}`));
  page.on("console", (message) => {
    if (!["error", "warning"].includes(message.type())) return;
    const status = /status of (\d+)/.exec(message.text());
    if (status && page.expected.has(Number(status[1]))) return;
    faults.push(`${page.url()}: ${message.text()}`);
  });
  page.done = async () => {
    await context.close();
    assert.deepEqual(faults, [], "console, policy and network");
  };
  return page;
}

// signIn signs in as people do.
export async function signIn(page, key) {
  await page.goto("/signin");
  await page.getByLabel("API key").fill(key);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByRole("navigation", { name: "Pages" }).waitFor();
}

// inspect takes a picture, and checks what holds on every page: axe finds nothing, and nothing sticks out to the side.
export async function inspect(page, name) {
  const drawn = await page.locator("figure.chart .plot").count();
  if (drawn) await page.waitForFunction((n) => document.querySelectorAll(".plot svg").length === n, drawn);
  await page.screenshot({ path: path.join(screenshots, `${name}.png`), fullPage: true });
  const beyond = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.equal(beyond, 0, `${name}: the page scrolls sideways by ${beyond} px`);
  assert.equal(await page.locator("h1").count(), 1, `${name}: headings of level 1`);
  const { violations } = await new AxeBuilder({ page })
    .withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"])
    .analyze();
  const found = violations.flatMap((v) => v.nodes.map((n) => `${v.id}: ${n.html.slice(0, 200)}: ${n.failureSummary}`));
  assert.deepEqual(found, [], `${name}: axe`);
}
