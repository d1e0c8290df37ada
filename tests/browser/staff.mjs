// The doors for staff: signing in, and every page of a doctor, a reviewer, reception and an
// administrator.

import { codeNow } from "./demo.mjs";
import { Visitor } from "./look.mjs";
import { BIRTH_DATE } from "./patient.mjs";

const WRONG = { login: "nobody", password: "not the password" };

// Signs someone in once, and looks at the ways it goes wrong; later visits take the cookies along.
export async function signIn(browser, findings, demo, door, login, looks = true) {
  const visitor = await Visitor.open(browser, findings, "ja");
  const { login: name, password, totp_secret } = demo.people[login];
  const form = 'main [action="/signin"]';
  await visitor.go(`${demo[door]}/`);
  if (looks) {
    await visitor.look(`${door}-signin`);
    await visitor.fill(WRONG);
    await visitor.press(form);
    await visitor.look(`${door}-signin-refused`);
  }
  await visitor.fill({ login: name, password });
  await visitor.press(form);
  if (looks) {
    await visitor.look(`${door}-factor`);
    await visitor.fill({ code: "000000" });
    await visitor.press('main [action="/factor"]');
    await visitor.look(`${door}-factor-refused`);
  }
  await visitor.fill({ code: codeNow(totp_secret) });
  await visitor.press('main [action="/factor"]');
  const cookies = (await visitor.context.cookies()).filter((it) => it.name.endsWith("session"));
  if (cookies.length === 0) visitor.fail(`${login} is not signed in`);
  await visitor.close();
  return cookies;
}

// Someone who is signed in, in a language.
export async function as(browser, findings, cookies, language) {
  const visitor = await Visitor.open(browser, findings, language);
  await visitor.context.addCookies(cookies);
  return visitor;
}

export async function links(visitor, selector) {
  return visitor.page.locator(selector).evaluateAll((all) => all.map((it) => it.href));
}

export async function signInPages(browser, findings, demo, language) {
  const visitor = await Visitor.open(browser, findings, language);
  for (const door of ["portal", "review"]) {
    await visitor.go(`${demo[door]}/signin`);
    await visitor.look(`${door}-signin`);
    await visitor.fill(WRONG);
    await visitor.press('main [action="/signin"]');
    await visitor.look(`${door}-signin-refused`);
    await visitor.go(`${demo[door]}/nowhere`);
    await visitor.look(`${door}-not-found`);
  }
  await visitor.close();
}

export async function doctor(browser, findings, demo, cookies, language, emptyCookies) {
  const visitor = await as(browser, findings, cookies, language);
  const { page } = visitor;
  await visitor.go(`${demo.portal}/`);
  await visitor.look("portal-list");
  const visits = await links(visitor, "main h2 a");
  let [picture, message, document] = [null, null, null];
  for (const visit of visits) {
    await visitor.go(visit);
    const items = page.locator("main li.item");
    for (let index = 0; index < (await items.count()); index += 1) {
      const item = items.nth(index);
      const href = await item.locator("a").evaluate((it) => it.href);
      const isText = /メッセージ|Message/.test(await item.innerText());
      const isDocument = /書類|Document/.test(await item.innerText());
      if (isText) message ??= href;
      else if (isDocument) document ??= href;
      else picture ??= href;
    }
  }
  await visitor.go(visits[0]);
  await visitor.look("portal-submission");
  if (!picture || !message || !document) {
    return visitor.fail("no picture, no message or no document was cleared");
  }
  await visitor.go(picture);
  await page.locator("figure img").evaluate((image) => image.decode());
  await visitor.look("portal-picture");
  // What was left out, where the file had anything, and the certificate.
  for (const details of await page.locator("details summary").all()) await details.click();
  await visitor.look("portal-certificate");
  await visitor.go(document);
  await page.locator("figure img").first().evaluate((image) => image.decode());
  await visitor.look("portal-document");
  await visitor.go(message);
  await visitor.look("portal-message");
  await visitor.go(`${demo.portal}/artifacts/0199a0c0-0000-7000-8000-000000000009`);
  await visitor.look("portal-not-released");
  await visitor.close();

  const other = await as(browser, findings, emptyCookies, language);
  await other.go(`${demo.portal}/`);
  await other.look("portal-list-empty");
  await other.close();
}

export async function reviewer(browser, findings, demo, cookies, language) {
  const visitor = await as(browser, findings, cookies, language);
  const { page } = visitor;
  await visitor.go(`${demo.review}/queue`);
  await visitor.look("review-queue");
  const pages = {
    suspicious: await links(visitor, "section:nth-of-type(1) tr:has(.status-suspicious) a"),
    unscannable: await links(visitor, "section:nth-of-type(1) tr:has(.status-unscannable) a"),
    rejected: await links(visitor, "section:nth-of-type(4) td a"),
  };
  for (const [name, found] of Object.entries(pages)) {
    if (found.length === 0) continue;
    await visitor.go(found[0]);
    await visitor.look(`review-facts-${name}`);
  }
  if (pages.suspicious.length < 2) return visitor.fail("nothing suspicious is in review");
  await visitor.go(pages.suspicious[0]);
  await visitor.press('main [action$="/evidence"]');
  for (const details of await page.locator("details summary").all()) await details.click();
  await visitor.look("review-evidence");
  await bytesAround(visitor, pages.suspicious);

  // The first Japanese visit approves; the English one sees what it left.
  const approve = page.locator('main [action$="/approve"]');
  await visitor.go(pages.suspicious[1]);
  if (await approve.locator("button").count()) {
    const code = approve.locator('[name="code"]');
    if (await code.count()) {
      await code.fill("000000");
      await visitor.press('main [action$="/approve"]');
      await visitor.look("review-approve-refused");
    } else {
      await visitor.press('main [action$="/approve"]');
    }
  }
  await visitor.go(pages.suspicious[1]);
  await visitor.look("review-facts-approved-once");

  await visitor.go(`${demo.review}/holds`);
  await visitor.look("review-holds");
  await visitor.go(`${demo.review}/holds?receipt=0000-0000`);
  await visitor.look("review-holds-nothing");
  await visitor.go(pages.rejected.at(language === "ja" ? 0 : 1));
  await visitor.fill({ days: "9999" });
  await visitor.press('main [action$="/hold"]', { unchecked: true });
  await visitor.look("review-hold-refused");
  await visitor.fill({ days: "30" });
  await visitor.press('main [action$="/hold"]');
  await visitor.look("review-facts-held");
  await visitor.go(`${demo.review}/holds`);
  await visitor.look("review-holds-one");

  await visitor.go(`${demo.review}/suspensions`);
  await visitor.look("review-suspensions-empty");
  await knownBad(visitor, demo, language);

  await visitor.go(`${demo.review}/signatures`);
  await visitor.look("review-signatures");

  // The whole log, as long as it gets, in one language: it takes axe a while.
  await visitor.go(`${demo.review}/audit${language === "ja" ? "?action=hold" : ""}`);
  await visitor.look("review-audit");
  await visitor.go(`${demo.review}/audit?actor=nobody&from=2026-01-01`);
  await visitor.look("review-audit-empty");
  await visitor.go(`${demo.review}/staff`);
  await visitor.look("review-not-allowed");
  await visitor.close();
}

// The list of known-bad files: of files that nobody sends.
async function knownBad(visitor, demo, language) {
  const form = 'main [action="/hashes"]';
  const digest = (language === "ja" ? "0" : "1").repeat(64);
  await visitor.go(`${demo.review}/hashes`);
  await visitor.look("review-hashes");
  await visitor.fill({ list: `${digest}\nnonsense` });
  await visitor.press(form);
  await visitor.look("review-hashes-unread");
  await visitor.fill({ list: `${digest}  what a tool writes behind it` });
  await visitor.press(form);
  await visitor.look("review-hashes-added");
  // The newest stands first.
  await visitor.press('main [action="/hashes/remove"]');
  const text = await visitor.page.locator("main").innerText();
  if (text.includes(digest)) visitor.fail("what was taken off is still on the list");
}

// The bytes around findings, of the first file that has findings with a place: only on asking.
async function bytesAround(visitor, suspicious) {
  const { page } = visitor;
  const form = 'main form:has([name="bytes"])';
  for (const address of suspicious) {
    await visitor.go(address);
    await visitor.press('main [action$="/evidence"]');
    if ((await page.locator(form).count()) === 0) continue;
    if ((await page.locator("pre.note").count()) > 0) visitor.fail("nobody asked for bytes");
    await visitor.press(form);
    for (const details of await page.locator("details summary").all()) await details.click();
    if ((await page.locator("pre.note").count()) === 0) visitor.fail("no bytes are shown");
    return visitor.look("review-evidence-bytes");
  }
  visitor.fail("no bytes can be asked for");
}

// Issues links for the patients' journeys through reception's own pages.
export async function reception(browser, findings, demo, cookies, language, count) {
  const visitor = await as(browser, findings, cookies, language);
  const { page } = visitor;
  const issued = [];
  for (let number = 0; number < count; number += 1) {
    await visitor.go(`${demo.review}/links/new`);
    if (number === 0) {
      await visitor.look("review-link-new");
      await visitor.fill({ patient: "P-7", second_secret: "soon" });
      await visitor.press('main [action="/links"]', { unchecked: true });
      await visitor.look("review-link-refused");
    }
    await visitor.fill({ patient: `P-70${number}`, second_secret: BIRTH_DATE, days: "7" });
    await visitor.press('main [action="/links"]');
    if (number === 0) {
      await visitor.look("review-link-issued");
      await page.emulateMedia({ media: "print" });
      await visitor.look("review-link-printed");
      await page.emulateMedia({ media: "screen" });
    }
    const url = await page.locator(".sheet code").innerText();
    issued.push({ url, code: await page.locator(".sheet .receipt-number").innerText() });
  }
  await visitor.go(`${demo.review}/links`);
  await visitor.press('main [action$="/revoke"]');
  await visitor.look("review-links");
  await visitor.fill({ patient: "P-70" });
  await visitor.press('main [action="/links/search"]');
  await visitor.look("review-links-found");
  await visitor.close();
  return issued;
}

export async function administrator(browser, findings, demo, cookies, language, receipt) {
  const visitor = await as(browser, findings, cookies, language);
  const form = 'main [action="/staff"]';
  const newcomer = { name: "新人 花子", login: `new-${language}`, password: "long enough password" };
  await visitor.go(`${demo.review}/staff`);
  await visitor.look("review-people");
  await visitor.fill({ ...newcomer, password: "short" });
  await visitor.press(form, { unchecked: true });
  await visitor.look("review-people-refused");
  await visitor.fill(newcomer);
  await visitor.press(form);
  await visitor.look("review-person-added");
  await visitor.go(`${demo.review}/staff`);
  await visitor.press(`main [action="/staff/${newcomer.login}/disable"]`);
  await visitor.look("review-person-disabled");
  await visitor.go(`${demo.review}/holds?receipt=${receipt}`);
  await visitor.look("review-holds-found");
  await visitor.close();
}

// A doctor has a picture open while a reviewer recalls it: it leaves the screen by itself.
export async function recalledWhileOpen(browser, findings, demo, doctorCookies, reviewerCookies) {
  const doctor = await as(browser, findings, doctorCookies, "ja");
  const reviewer = await as(browser, findings, reviewerCookies, "ja");
  await doctor.go(`${demo.portal}/`);
  const shown = doctor.page.locator('figure.viewer img[src$="/rendition"]');
  for (const visit of (await links(doctor, "main h2 a")).reverse()) {
    await doctor.go(visit);
    for (const item of await links(doctor, "main li.item a")) {
      if ((await shown.count()) === 0) await doctor.go(item);
    }
    if ((await shown.count()) > 0) break;
  }
  if ((await shown.count()) === 0) return doctor.fail("no picture is shown");
  await shown.evaluate((image) => image.decode());
  await reviewer.go(`${demo.review}${new URL(doctor.page.url()).pathname}`);
  await reviewer.press('main [action$="/recall"]');
  const begun = Date.now();
  await doctor.page.locator("[data-standing]").waitFor({ state: "visible", timeout: 10_000 });
  const took = Date.now() - begun;
  if (took > 5000) doctor.fail(`shown for ${took} ms after its recall`);
  if ((await shown.count()) > 0) doctor.fail("the picture is still there");
  await doctor.look("portal-recalled-while-open");
  await reviewer.look("review-recalled");
  const text = await reviewer.page.locator("main").innerText();
  if (!text.includes("届いた相手")) reviewer.fail("whom it reached is not told");
  await doctor.close();
  await reviewer.close();
}

// Without scripts: a doctor signs in. The session is kept for the pages of someone who has nothing
// to view.
export async function signInWithoutScripts(browser, findings, demo, login) {
  const visitor = await Visitor.open(browser, findings, "ja", { javaScriptEnabled: false });
  const { page } = visitor;
  visitor.now = "portal-signin-without-scripts";
  const { password, totp_secret } = demo.people[login];
  await visitor.go(`${demo.portal}/`);
  await page.locator("[name=login]").fill(login);
  await page.locator("[name=password]").fill(password);
  await page.locator('main [action="/signin"] button').click();
  await page.waitForURL("**/factor");
  await page.locator("[name=code]").fill(codeNow(totp_secret));
  await page.locator('main [action="/factor"] button').click();
  await page.waitForURL(`${demo.portal}/`);
  const cookies = await visitor.context.cookies();
  findings.states += 1;
  await visitor.close();
  return cookies;
}

// Without scripts: a doctor opens a picture that was cleared, and leaves.
export async function viewWithoutScripts(browser, findings, demo, cookies, cookiesToEnd) {
  const visitor = await Visitor.open(browser, findings, "ja", { javaScriptEnabled: false });
  const { page } = visitor;
  visitor.now = "portal-view-without-scripts";
  await visitor.context.addCookies(cookies);
  await visitor.go(`${demo.portal}/`);
  await page.locator("main h2 a").first().click();
  const shown = page.waitForResponse((answer) => answer.url().endsWith("/rendition"));
  await page.locator("main li.item a").first().click();
  const type = (await shown).headers()["content-type"];
  if (type !== "image/jpeg" && type !== "image/png") visitor.fail(`the picture is ${type}`);

  await visitor.context.clearCookies();
  await visitor.context.addCookies(cookiesToEnd);
  await visitor.go(`${demo.portal}/`);
  await page.locator('[action="/signout"] button').click();
  await page.waitForURL("**/signin");
  await visitor.context.addCookies(cookiesToEnd);
  await visitor.go(`${demo.portal}/`);
  if (!page.url().endsWith("/signin")) visitor.fail("a session outlives signing out");
  findings.states += 1;
  await visitor.close();
}
