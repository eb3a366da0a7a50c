// Starts `usagereport demo --serve` in a folder of its own: what people get who try the program for the first time.
import { execFile, spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const root = path.resolve(import.meta.dirname, "../../..");

// binary returns the program to test: USAGEREPORT_BIN, or one built from this repository.
async function binary(dir) {
  if (process.env.USAGEREPORT_BIN) return path.resolve(process.env.USAGEREPORT_BIN);
  const built = path.join(dir, "usagereport");
  await run("go", ["build", "-o", built, "./cmd/usagereport"], { cwd: root });
  return built;
}

// start returns the server: where it is, the key that opens all of it, and how to make other keys.
export async function start() {
  const dir = await mkdtemp(path.join(tmpdir(), "usagereport-browser-"));
  const bin = await binary(dir);
  const demo = path.join(dir, "demo");
  const child = spawn(bin, ["demo", "--dir", demo, "--serve", "--listen", "127.0.0.1:0"], { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  let log = "";
  child.stderr.on("data", (data) => (log += data));
  const ended = new Promise((resolve) => child.once("close", resolve));
  const [url, key] = await new Promise((resolve, reject) => {
    child.stdout.on("data", (data) => {
      said += data;
      const url = /http:\/\/127\.0\.0\.1:\d+/.exec(said);
      const key = /^\s*(urk_\w+)\s*$/m.exec(said);
      if (url && key) resolve([url[0], key[1]]);
    });
    ended.then((code) => reject(new Error(`demo --serve ended with ${code}:\n${said}\n${log}`)));
  });
  return {
    url,
    key,
    lake: path.join(demo, "lake"),
    async makeKey(...flags) {
      const { stdout } = await run(bin, ["key", "create", "--config", path.join(demo, "usagereport.yaml"), ...flags]);
      return stdout.trim();
    },
    async latest() {
      return JSON.parse(await readFile(path.join(demo, "lake/latest.json"), "utf8"));
    },
    async stop() {
      child.kill("SIGTERM");
      const code = await ended;
      await rm(dir, { recursive: true, force: true });
      if (code !== 0) throw new Error(`the server ended with ${code}:\n${log}`);
    },
  };
}
