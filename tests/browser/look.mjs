// Looks at a page as it stands: accessible, whole on a phone, clean in the console.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
export const PHONE = { width: 390, height: 844 };
export const DESK = { width: 1280, height: 800 };
const WAIT_MS = 10_000;
// What a browser says while a test has taken its connection away (`isOffline`).
const OFFLINE = /net::ERR_(INTERNET_DISCONNECTED|CONNECTION_|HTTP2_|NETWORK_CHANGED|EMPTY_RESPONSE|SSL_PROTOCOL)/;

export async function openBrowser() {
  // The doors' names lead to this machine whatever a resolver says.
  const args = ["--host-resolver-rules=MAP *.localhost 127.0.0.1"];
  // A sandbox of Chromium's own needs a user who is not root.
  if (process.getuid?.() === 0) args.push("--no-sandbox");
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  return chromium.launch({ executablePath, args });
}

// What all journeys found. `shots` is a folder for pictures to look at, or nothing.
export class Findings {
  constructor(shots) {
    this.shots = shots;
    this.states = 0;
    this.problems = [];
  }

  add(state, problem) {
    this.problems.push(`${state}: ${problem}`);
  }

  get failed() {
    return new Set(this.problems.map((it) => it.split(": ")[0])).size;
  }
}

// A visitor: one browser context with one page, a language, and a name for the states it reaches.
export class Visitor {
  constructor(findings, language, context, page, scripts) {
    Object.assign(this, { findings, language, context, page, scripts, now: "start", isOffline: false });
    page.on("console", (message) => {
      const isExpected = isOurRefusal(message) || (this.isOffline && OFFLINE.test(message.text()));
      if (message.type() === "error" && !isExpected) this.fail(message.text());
    });
    page.on("pageerror", (error) => this.fail(String(error)));
    page.on("requestfailed", (request) => {
      const why = request.failure()?.errorText;
      // A page that is left while a picture still loads is no failure of the page.
      const isExpected = why === "net::ERR_ABORTED" || (this.isOffline && OFFLINE.test(why));
      if (!isExpected) this.fail(`${request.url()} failed: ${why}`);
    });
  }

  static async open(browser, findings, language, options = {}) {
    const context = await browser.newContext({
      ignoreHTTPSErrors: true,
      locale: language,
      viewport: DESK,
      ...options,
    });
    context.setDefaultTimeout(WAIT_MS);
    const scripts = options.javaScriptEnabled !== false;
    return new Visitor(findings, language, context, await context.newPage(), scripts);
  }

  fail(problem) {
    this.findings.add(`${this.now} ${this.language}`, problem);
  }

  async go(url) {
    return this.page.goto(url);
  }

  async fill(fields) {
    for (const [name, value] of Object.entries(fields)) {
      const field = this.page.locator(`main [name="${name}"]`).first();
      const tag = await field.evaluate((it) => it.tagName);
      await (tag === "SELECT" ? field.selectOption(value) : field.fill(value));
    }
  }

  // Presses the button of a form, past the browser's own checks if the door's are to be seen.
  async press(form, { unchecked = false } = {}) {
    const target = this.page.locator(form).first();
    if (unchecked) await target.evaluate((it) => (it.noValidate = true));
    const navigated = this.page.waitForNavigation();
    await target.locator("button").last().click();
    await navigated;
  }

  // One state of one page. `says` must stand on it, so that it is the state it is taken for.
  async look(name, says) {
    this.now = name;
    const { page, findings } = this;
    if (says && !(await page.locator("body").innerText()).includes(says)) {
      this.fail(`does not say ${says}, but is at ${page.url()}`);
    }
    const lang = await page.locator("html").getAttribute("lang");
    if (lang !== this.language) this.fail(`is in ${lang}`);
    for (const [size, viewport] of Object.entries({ phone: PHONE, desk: DESK })) {
      await page.setViewportSize(viewport);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (wide > 0) this.fail(`is ${wide} px too wide on a ${size}`);
      if (findings.shots) {
        const path = join(findings.shots, `${name}.${this.language}.${size}.png`);
        await page.screenshot({ path, fullPage: true });
      }
    }
    await this.axe(DESK);
    if (this.language === "ja") await this.axe(PHONE);
    findings.states += 1;
  }

  async axe(viewport) {
    await this.page.setViewportSize(viewport);
    await this.page.evaluate(AXE);
    const options = { runOnly: { type: "tag", values: RULES }, resultTypes: ["violations"] };
    // The mark over a picture names who looks, and is no text to read.
    const where = { exclude: [[".watermark"]] };
    const found = await this.page.evaluate((it) => axe.run(it.where, it.options), { where, options });
    for (const { id, nodes } of found.violations) {
      const places = nodes.slice(0, 3).map((node) => node.target.join(" "));
      this.fail(`axe ${id} at ${viewport.width} px: ${places.join(", ")}`);
    }
  }

  async close() {
    await this.context.close();
  }
}

// The browser reports our own refusals, which are pages with a status, as errors of loading.
function isOurRefusal(message) {
  return /the server responded with a status of (401|403|404|405|409|413|422|429) /.test(message.text());
}
