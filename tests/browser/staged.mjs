// What staff see when something is wrong: links that are suspended, a file that a sensor objects to,
// and stored files that new signatures call malicious. The service is brought there by what an
// operator would change, and by files that match.

import { randomBytes } from "node:crypto";
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { photo } from "./patient.mjs";
import { as, links as linksOf } from "./staff.mjs";
import { FOUND, listen } from "./suricata.mjs";
import { arrive } from "./uploads.mjs";

// A folder of files in memory, on every Linux.
const MEMORY = "/dev/shm";
// What a new rule looks for, and in how many files: one more than a round stops by itself.
const [BAD, MANY] = ["a word of files that turn out to be bad", 6];
const RULE = `rule staged_in_a_browser
{
    meta:
        severity = "malicious"
        description_en = "A word that a test put into a picture"
        description_ja = "試験のために画像に入れた語"
    strings:
        $word = "${BAD}"
    condition:
        $word
}
`;
const SUSPEND = `
[[suspend.rules]]
counted = "malicious"
threshold = 1
window = 86400
suspend = "link"
duration = 86400
tell = ["reviewer", "reception"]
`;
// How long it may take until something shows: new rules are compiled and proven first.
const PATIENCE_MS = 120_000;

export async function staged(browser, findings, demo, cookies, languages, link) {
  const folder = mkdtempSync(join(MEMORY, "sekisho-browser-"));
  // The socket is everybody's, the captures the worker's.
  chmodSync(folder, 0o755);
  const [socket, captures] = [join(folder, "socket"), mkdtempSync(join(folder, "captures-"))];
  chmodSync(captures, 0o770);
  if (process.getuid() === 0) chownSync(captures, demo.worker().uid, demo.worker().gid);
  const sensor = await listen(socket);
  const reviewers = [];
  for (const language of languages) reviewers.push(await as(browser, findings, cookies, language));
  const patient = await arrive(browser, findings, demo, "ja", link);
  try {
    const replay = `\n[sensor.replay]\nsocket = "${socket}"\nfolder = "${captures}"\n`;
    demo.configure((text) => text.replace(/\[suspend\]\nrules = \[\]\n/, SUSPEND.trimStart()) + replay);
    await suspended(demo, reviewers);
    await shownToASensor(demo, reviewers, patient);
    await scannedAgain(demo, reviewers, patient);
  } finally {
    for (const visitor of [patient, ...reviewers]) await visitor.close();
    sensor.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

// The demo's own patients sent malicious files.
async function suspended(demo, reviewers) {
  const lift = 'main [action$="/lift"]';
  for (const visitor of reviewers) {
    await until(visitor, `${demo.review}/suspensions`, lift);
    await visitor.look("review-suspensions-active");
  }
  for (const visitor of reviewers) {
    await visitor.go(`${demo.review}/suspensions`);
    await visitor.press(lift);
    await visitor.look("review-suspensions-lifted");
  }
}

async function shownToASensor(demo, reviewers, patient) {
  await send(demo, patient, [withWords("a.png", FOUND[1])]);
  for (const visitor of reviewers) {
    const row = 'section:nth-of-type(1) tr:has-text("replay.ids_alert")';
    await until(visitor, `${demo.review}/queue`, row);
    await visitor.go((await linksOf(visitor, `${row} a`))[0]);
    await visitor.look("review-facts-replay");
    await visitor.press('main [action$="/evidence"]');
    await visitor.look("review-evidence-replay", FOUND[2]);
  }
}

async function scannedAgain(demo, reviewers, patient) {
  await send(demo, patient, Array.from({ length: MANY }, (_, it) => withWords(`${it}.png`, BAD)));
  const states = async () => (await artifacts(patient)).map(({ state }) => state);
  await eventually(patient, async () =>
    (await states()).filter((state) => state === "released").length >= MANY);
  writeFileSync(join(demo.data, "signatures/yara/staged.yar"), RULE);
  for (const visitor of reviewers) {
    await until(visitor, `${demo.review}/signatures`, 'main [action$="/go-on"]');
    await visitor.look("review-signatures-paused");
    await visitor.go(`${demo.review}/queue`);
    // Long, and so in one language; links are still suspended.
    if (visitor.language === "ja") await visitor.look("review-queue-notices");
    const recalled = "section:nth-of-type(1) tr:has(.status-malicious) a";
    await visitor.go((await linksOf(visitor, recalled))[0]);
    if ((await visitor.page.locator('main [action$="/rescan"]').count()) === 0) {
      visitor.fail("another scan is not offered");
    }
    await visitor.look("review-facts-scan-again", "staged_in_a_browser");
  }
  const [first] = reviewers;
  await first.go(`${demo.review}/signatures`);
  await first.press('main [action$="/stop"]');
  for (const visitor of reviewers) {
    await visitor.go(`${demo.review}/signatures`);
    await visitor.look("review-signatures-stopped");
  }
}

// A picture whose bytes hold some words, and which nobody sent before.
function withWords(name, words) {
  const text = Buffer.from(words);
  const row = (length) => Buffer.concat([text, randomBytes(length - text.length)]);
  return photo(name, { width: 120, height: 90 }, row);
}

async function send(demo, patient, files) {
  const { page } = patient;
  await patient.go(`${demo.intake}/send`);
  await page.locator("#photos").setInputFiles(files);
  await page.locator("[data-send] button").last().click();
  await page.waitForURL("**/receipt");
}

async function artifacts(patient) {
  return patient.page.evaluate(async () => {
    const answer = await fetch("/receipt", { headers: { Accept: "application/json" } });
    return (await answer.json()).artifacts;
  });
}

// Goes to a page until something is on it.
async function until(visitor, url, selector) {
  await eventually(visitor, async () => {
    await visitor.go(url);
    return (await visitor.page.locator(selector).count()) > 0;
  }, `${url} never has ${selector}`);
}

async function eventually(visitor, holds, what = "it never comes") {
  const begun = Date.now();
  while (!(await holds())) {
    if (Date.now() - begun > PATIENCE_MS) throw new Error(what);
    await visitor.page.waitForTimeout(250);
  }
}
