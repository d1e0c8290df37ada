// Walks through every page of every door in Chromium, on a phone and on a desk, in Japanese and in
// English, with scripts and without.
//
//   node run.mjs --tools target/debug/sekisho-tools [--port 29443]   starts a demo of its own
//   node run.mjs --data DIR                                          walks through one that is up
//   --shots DIR                                                      leaves a picture of each state

import { mkdirSync } from "node:fs";
import { parseArgs } from "node:util";

import { readDemo, startDemo } from "./demo.mjs";
import { Findings, openBrowser } from "./look.mjs";
import { patientWithoutScripts, patients } from "./patient.mjs";
import { staged } from "./staged.mjs";
import * as staff from "./staff.mjs";
import { ownClient, publicClient } from "./uploads.mjs";

const { values: asked } = parseArgs({
  options: {
    tools: { type: "string" },
    data: { type: "string" },
    port: { type: "string", default: "29443" },
    shots: { type: "string" },
  },
});
const LANGUAGES = ["ja", "en"];
// Each language: one that is used, one that is closed by wrong tries, one for a file in pieces; one
// without scripts, one for what is staged, one for the public client, and the last, which reception
// takes back.
const LINKS = 3 * LANGUAGES.length + 4;

if (asked.shots) mkdirSync(asked.shots, { recursive: true });
const begun = Date.now();
const seconds = () => ((Date.now() - begun) / 1000).toFixed(1);
const findings = new Findings(asked.shots);
const demo = asked.data ? readDemo(asked.data) : await startDemo(asked.tools, asked.port);
console.log(`the demo is up after ${seconds()} s`);
try {
  await walk(demo);
} catch (error) {
  findings.add("a journey", `did not come to its end: ${error.stack}`);
} finally {
  await demo.stop();
}
for (const problem of findings.problems) console.error(problem);
console.log(`${seconds()} s, ${findings.states} states looked at`);
console.log(`${findings.states - findings.failed} passed, ${findings.failed} failed`);
process.exitCode = findings.problems.length === 0 ? 0 : 1;

async function walk(demo) {
  const browser = await openBrowser();
  try {
    const sign = (door, login, looks) =>
      staff.signIn(browser, findings, demo, door, login, looks);
    const cookies = {
      doctor: await sign("portal", "dr.aoki", true),
      reviewer: await sign("review", "kimura", true),
      reception: await sign("review", "tanaka", false),
      administrator: await sign("review", "admin", false),
    };
    cookies.other = await staff.signInWithoutScripts(browser, findings, demo, "dr.mori");
    const links = [];
    for (const language of LANGUAGES) {
      const count = language === "ja" ? LINKS : 1;
      const issued = staff.reception(browser, findings, demo, cookies.reception, language, count);
      links.push(...(await issued));
    }
    links.reverse();
    await patientWithoutScripts(browser, findings, demo, links);
    const { doctor, other, reviewer, administrator } = cookies;
    // Patients and staff come at the same time, as they do.
    const patientsAndTheirReceipts = async (language) => {
      const receipt = await patients(browser, findings, demo, language, links);
      await staff.administrator(browser, findings, demo, administrator, language, receipt);
    };
    const doctorsAndReviewers = async (language) => {
      await staff.signInPages(browser, findings, demo, language);
      await staff.doctor(browser, findings, demo, doctor, language, other);
      await staff.reviewer(browser, findings, demo, reviewer, language);
    };
    const inEach = async (journey) => {
      for (const language of LANGUAGES) await journey(language);
    };
    await Promise.all([inEach(patientsAndTheirReceipts), inEach(doctorsAndReviewers)]);
    await staff.viewWithoutScripts(browser, findings, demo, doctor, other);
    await staff.recalledWhileOpen(browser, findings, demo, doctor, reviewer);
    await inEach((language) => ownClient(browser, findings, demo, language, links));
    await staged(browser, findings, demo, reviewer, LANGUAGES, links.pop());
    // Last, as the door dies in it.
    await publicClient(browser, findings, demo, links);
  } finally {
    await browser.close();
  }
}
