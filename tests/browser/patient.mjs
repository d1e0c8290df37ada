// The patients' door: every page from the link to the end, and every way it says no. Each journey
// returns the receipt number it was given.

import { deflateSync } from "node:zlib";

import { Visitor } from "./look.mjs";

export const BIRTH_DATE = "1948-02-03";

const wedge = (width) => Buffer.from(Array.from({ length: width }, (_, x) => (x * 255) / width));

// A picture that decodes: a grey wedge, or what `draw` gives for each row of three bytes a pixel,
// which is not compressed further.
export function photo(name, { width, height } = { width: 320, height: 240 }, draw = null) {
  const row = () => Buffer.concat([Buffer.alloc(1), draw ? draw(3 * width) : wedge(width)]);
  const rows = draw ? Array.from({ length: height }, row) : Array(height).fill(row());
  const pixels = deflateSync(Buffer.concat(rows), { level: draw ? 0 : 6 });
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 8;
  header[9] = draw ? 2 : 0;
  const chunk = (type, data) => {
    const typed = Buffer.concat([Buffer.from(type), data]);
    const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    check.writeUInt32BE(crc32(typed));
    return Buffer.concat([length, typed, check]);
  };
  const magic = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");
  const parts = [magic, chunk("IHDR", header), chunk("IDAT", pixels), chunk("IEND", Buffer.alloc(0))];
  return { name, mimeType: "image/png", buffer: Buffer.concat(parts) };
}

function crc32(bytes) {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

export async function patients(browser, findings, demo, language, links) {
  const visitor = await Visitor.open(browser, findings, language);
  const { page } = visitor;
  await visitor.go(`${demo.intake}/`);
  await visitor.look("intake-open");
  await visitor.go(`${demo.intake}/about`);
  await visitor.look("intake-about");
  await visitor.go(`${demo.intake}/nowhere`);
  await visitor.look("intake-not-found");
  await visitor.go(`${demo.intake}/receipt`);
  await visitor.look("intake-session-ended");

  const link = links.pop();
  await visitor.go("about:blank");
  await visitor.go(link.url);
  if (page.url().includes("#")) visitor.fail("the secret stays in the address bar");
  await visitor.look("intake-link-found");
  await visitor.fill({ second_secret: "1900-01-01" });
  await visitor.press("[data-open]");
  await visitor.look("intake-open-refused");
  await visitor.fill({ second_secret: BIRTH_DATE });
  await visitor.press("[data-open]");
  await visitor.look("intake-agree");
  await visitor.press("main form", { unchecked: true });
  await visitor.look("intake-agree-refused");
  await page.locator("[name=agreed]").check();
  await visitor.press("main form");
  await visitor.look("intake-send");
  await visitor.go(`${demo.intake}/receipt`);
  await visitor.look("intake-receipt-empty");
  await visitor.go(`${demo.intake}/send`);
  await visitor.press("[data-send]");
  await visitor.look("intake-send-refused");

  // The script finds a photo too large before it is sent, and sends the rest.
  await page.locator("#photos").setInputFiles([photo("a.png"), photo("b.png")]);
  await visitor.fill({ message: "昨日からかゆいです。\nMade up for a test." });
  await visitor.look("intake-send-chosen");
  await page.locator("[data-send]").evaluate((form) => (form.dataset.fileBytes = "10"));
  await page.locator("[data-send] button").last().click();
  await page.locator("[data-after]").waitFor();
  await visitor.look("intake-send-too-large");
  await visitor.go(`${demo.intake}/send`);
  await page.locator("#photos").setInputFiles([photo("山田花子.png")]);
  await page.locator("[data-send] button").last().click();
  await page.waitForURL("**/receipt");
  await visitor.look("intake-receipt");
  const receipt = await page.locator(".receipt-number").innerText();
  await visitor.press('[action="/leave"]');
  await visitor.look("intake-left");

  const spent = links.pop();
  for (let wrong = 0; wrong < 6; wrong += 1) {
    await visitor.go("about:blank");
    await visitor.go(spent.url);
    await visitor.fill({ second_secret: "1900-01-01" });
    await visitor.press("[data-open]");
  }
  await visitor.look("intake-link-closed");
  await visitor.close();
  return receipt;
}

// Without scripts: by the short code, with the plain form.
export async function patientWithoutScripts(browser, findings, demo, links) {
  const options = { javaScriptEnabled: false };
  const visitor = await Visitor.open(browser, findings, "ja", options);
  const { page } = visitor;
  visitor.now = "intake-without-scripts";
  await visitor.go(`${demo.intake}/`);
  await page.locator("[name=code]").fill(links.pop().code);
  await page.locator("[name=second_secret]").fill(BIRTH_DATE);
  await page.locator("[data-open] button").click();
  await page.waitForURL("**/agree");
  await page.locator("[name=agreed]").check();
  await page.locator("main form button").click();
  await page.waitForURL("**/send");
  await page.locator("#photos").setInputFiles([photo("a.png")]);
  await page.locator("#message").fill("Without scripts.");
  await page.locator("[data-send] button").click();
  await page.waitForURL("**/receipt");
  const items = await page.locator("ul.items > li").count();
  if (items !== 2) visitor.fail(`the receipt names ${items} items instead of 2`);
  await page.locator('[name="lang"][value="en"]').click();
  await page.locator('html[lang="en"]').waitFor();
  findings.states += 1;
  await visitor.close();
}
