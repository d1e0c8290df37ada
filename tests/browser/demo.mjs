// The demo that the browser walks through: started and stopped here, or one that is up already.

import { spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const READY_DEADLINE_MS = 180_000;
const STOP_DEADLINE_MS = 60_000;

// A demo of our own in a folder that goes with it; `tools` is the program that runs it.
export async function startDemo(tools, port) {
  const folder = mkdtempSync(join(tmpdir(), "sekisho-browser-"));
  const data = join(folder, "data");
  const args = ["demo", "--data", data, "--port", String(port)];
  const child = spawn(resolve(tools), args, { stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise((done) => child.once("exit", done));
  const stop = async () => {
    child.kill("SIGTERM");
    const killed = setTimeout(() => child.kill("SIGKILL"), STOP_DEADLINE_MS);
    await ended;
    clearTimeout(killed);
    rmSync(folder, { recursive: true, force: true });
  };
  let said = "";
  await new Promise((ready, failed) => {
    const fail = (why) => failed(new Error(`the demo ${why}:\n${said}`));
    const late = setTimeout(() => fail("is not up in time"), READY_DEADLINE_MS);
    const read = (text) => {
      said += text;
      if (!said.includes("Ctrl-C stops everything")) return;
      clearTimeout(late);
      ready();
    };
    child.stdout.setEncoding("utf8").on("data", read);
    child.stderr.setEncoding("utf8").on("data", read);
    ended.then(() => fail("ended by itself"));
  }).catch(async (error) => {
    await stop();
    throw error;
  });
  return { ...readDemo(data), stop };
}

// A demo that someone else runs.
export function readDemo(data) {
  const config = readFileSync(join(data, "sekisho.toml"), "utf8");
  const door = (name) => {
    const section = config.split(`[doors.${name}]`)[1].split("[")[0];
    const value = (key) => new RegExp(`^${key} = "(.*)"$`, "m").exec(section)[1];
    return `https://${value("host")}:${value("listen").split(":").pop()}`;
  };
  const people = {};
  for (const entry of readFileSync(join(data, "demo-sign-ins.toml"), "utf8").split("[[sign_in]]")) {
    const pairs = [...entry.matchAll(/^(\w+) = "(.*)"$/gm)].map((it) => it.slice(1));
    const fields = Object.fromEntries(pairs);
    if (fields.login) people[fields.login] = fields;
  }
  return {
    people,
    intake: door("intake"),
    portal: door("portal"),
    review: door("review"),
    data,
    killIntake: () => process.kill(roleOf(data, "intake"), "SIGKILL"),
    // The user and group that the worker runs as.
    worker: () => statSync(`/proc/${roleOf(data, "worker")}`),
    // Changes the configuration, and has a new worker read it.
    configure: (change) => {
      writeFileSync(join(data, "sekisho.toml"), change(config));
      process.kill(roleOf(data, "worker"), "SIGKILL");
    },
    stop: async () => {},
  };
}

// The process of a role of this demo; its parent starts another when it dies.
function roleOf(data, role) {
  const words = (pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    } catch {
      return []; // It ended meanwhile.
    }
  };
  const runs = (pid) => {
    const said = words(pid);
    return said[said.indexOf("--role") + 1] === role && said.some((it) => it.includes(data));
  };
  const found = readdirSync("/proc").filter((it) => /^\d+$/.test(it)).find(runs);
  if (!found) throw new Error(`no ${role} of ${data} is running`);
  return Number(found);
}

// The six digits that an authenticator app shows now (RFC 6238).
export function codeNow(secret) {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  let bits = "";
  for (const letter of secret) bits += letters.indexOf(letter).toString(2).padStart(5, "0");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const digest = createHmac("sha1", key).update(counter).digest();
  const offset = digest[19] & 15;
  return String((digest.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}
