// Files in pieces: with the public tus client while the door is killed, and with the page's own
// while the connection is gone too. What has arrived is compared byte for byte, by its hash.

import { createHash, randomBytes } from "node:crypto";
import * as tus from "tus-js-client";

import { Visitor } from "./look.mjs";
import { BIRTH_DATE, photo } from "./patient.mjs";

// Three pieces of the page's own client, and as many sealed parts.
const PHOTO = { width: 2000, height: 1600 };
const PIECE_BYTES = 5_000_000;

// Opens a link and agrees; the page for sending is up.
export async function arrive(browser, findings, demo, language, link) {
  const visitor = await Visitor.open(browser, findings, language);
  visitor.now = "intake-uploads";
  await visitor.go(link.url);
  await visitor.fill({ second_secret: BIRTH_DATE });
  await visitor.press("[data-open]");
  await visitor.page.locator("[name=agreed]").check();
  await visitor.press("main form");
  return visitor;
}

// What has arrived, as the receipt tells it: the SHA-256 of each item.
async function arrived(visitor) {
  return visitor.page.evaluate(async () => {
    const answer = await fetch("/receipt", { headers: { Accept: "application/json" } });
    return (await answer.json()).artifacts.map((it) => it.sha256);
  });
}

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

function expect(visitor, what, found, wanted) {
  const [left, right] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (left !== right) visitor.fail(`${what}: ${left} instead of ${right}`);
}

// The public client, with its own ideas of when to try again. The door is killed once a piece has
// arrived and the next is on its way.
export async function publicClient(browser, findings, demo, links) {
  const visitor = await arrive(browser, findings, demo, "en", links.pop());
  visitor.now = "intake-public-client";
  const { name, value } = (await visitor.context.cookies()).find((it) => it.name.endsWith("session"));
  const { buffer } = photo("a.png", PHOTO, randomBytes);
  const [asked, noted] = [[], { kills: 0 }];
  await new Promise((resolve, reject) => {
    const upload = new tus.Upload(buffer, {
      endpoint: `${demo.intake}/uploads`,
      chunkSize: PIECE_BYTES,
      metadata: { filename: "山田花子.png", filetype: "image/png" },
      headers: { Cookie: `${name}=${value}` },
      retryDelays: [250, 500, 1000, 2000, 4000, 8000],
      // The demo's own certificates, and its names, which no resolver need know.
      httpStack: new tus.DefaultHttpStack({
        rejectUnauthorized: false,
        lookup: (_, options, found) =>
          options.all
            ? found(null, [{ address: "127.0.0.1", family: 4 }])
            : found(null, "127.0.0.1", 4),
      }),
      onAfterResponse: (request, answer) => {
        asked.push([request.getMethod(), answer.getStatus(), answer.getHeader("Upload-Offset")]);
      },
      onProgress: (sent) => {
        if (noted.kills > 0 || sent <= PIECE_BYTES) return;
        noted.kills += 1;
        demo.killIntake();
      },
      onError: reject,
      onSuccess: resolve,
    });
    upload.start();
  }).catch((error) => visitor.fail(`did not arrive: ${error}; ${JSON.stringify(asked)}`));
  expect(visitor, "times killed", noted.kills, 1);
  const methods = asked.map(([method]) => method);
  expect(visitor, "announcements", methods.filter((it) => it === "POST").length, 1);
  const heads = asked.filter(([method]) => method === "HEAD");
  if (!heads.some(([, status, offset]) => status === 204 && Number(offset) >= PIECE_BYTES)) {
    visitor.fail(`did not go on from what was durable: ${JSON.stringify(asked)}`);
  }
  expect(visitor, "arrived", await arrived(visitor), [sha256(buffer)]);
  findings.states += 1;
  await visitor.close();
}

// The page's own client: the connection goes in the middle of a piece and comes back.
export async function ownClient(browser, findings, demo, language, links) {
  const visitor = await arrive(browser, findings, demo, language, links.pop());
  const { page, context } = visitor;
  const network = await context.newCDPSession(page);
  await network.send("Network.enable");
  const conditions = (uploadThroughput, offline = false) =>
    network.send("Network.emulateNetworkConditions", {
      offline,
      latency: 0,
      downloadThroughput: -1,
      uploadThroughput,
    });
  const asked = [];
  page.on("request", (it) => {
    if (it.url().includes("/uploads")) asked.push([it.method(), it.headers()["upload-offset"]]);
  });
  const sent = photo("山田花子.png", PHOTO, randomBytes);
  await page.locator("#photos").setInputFiles([sent]);
  await conditions(3_000_000);
  await page.locator("[data-send] button").last().click();
  await page.waitForFunction(() => document.querySelector("progress")?.value > 0.5);
  await conditions(50_000);
  await visitor.look("intake-send-progress", "MB");
  visitor.isOffline = true;
  await conditions(50_000, true);
  // Whoever is offline makes no new connection; the one there is goes with the door's process.
  demo.killIntake();
  await page.locator(".items .status-in_review").waitFor();
  await visitor.look("intake-send-paused", "MB");
  const before = asked.length;
  await conditions(-1);
  await page.waitForURL("**/receipt", { timeout: 60_000 });
  visitor.isOffline = false;
  visitor.now = "intake-own-client";
  expect(visitor, "announcements", asked.filter(([method]) => method === "POST").length, 1);
  const first = asked.slice(before).find(([method]) => method === "PATCH");
  if (!(Number(first?.[1]) > 0)) visitor.fail(`began again: ${JSON.stringify(asked)}`);
  expect(visitor, "arrived", await arrived(visitor), [sha256(sent.buffer)]);

  // Where pieces cannot go at all, or their script is missing, the plain form takes it.
  const wanted = [sha256(sent.buffer)];
  for (const [what, address] of [
    ["no pieces", "**/uploads"],
    ["no script", "**/*-pieces.js"],
  ]) {
    await page.route(address, (route) => route.fulfill({ status: 404, body: "" }));
    await visitor.go(`${demo.intake}/send`);
    const small = photo("a.png", { width: 320, height: 240 }, randomBytes);
    await page.locator("#photos").setInputFiles([small]);
    await page.locator("[data-send] button").last().click();
    await page.waitForURL("**/receipt");
    await page.unroute(address);
    wanted.push(sha256(small.buffer));
    expect(visitor, `arrived with ${what}`, await arrived(visitor), wanted);
  }
  await visitor.close();
}
