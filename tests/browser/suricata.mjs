// Stands where a Suricata in pcap mode would: its command socket, and a log of what it found in each
// capture. It finds the canary, and one text of ours.

import { createHash } from "node:crypto";
import { appendFileSync, chmodSync, existsSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";

// By Suricata's numbers of signatures.
const CANARY = [9341001, "SEKISHO-SENSOR-CANARY-3d0be71f96a4", "Sekisho: the sensor's canary"];
export const FOUND = [9000001, "looked for by the browsers' stand-in", "TEST a file that somebody looks for"];

// Of a capture's file, a packet, and the headers within one.
const [FILE, PACKET, ETHERNET, IP] = [24, 16, 14, 20];

// Listens at a socket; `stop` ends it.
export async function listen(socket) {
  const server = createServer((client) => {
    client.on("data", (text) => client.write(`${JSON.stringify(answer(JSON.parse(text)))}\n`));
    client.on("error", () => client.destroy());
  });
  await new Promise((ready) => server.listen(socket, ready));
  chmodSync(socket, 0o777);
  return { stop: () => server.close() };
}

// Captures are worked off as they are handed in: none ever waits.
function answer({ command, arguments: given }) {
  const done = (message) => ({ return: "OK", message });
  switch (command) {
    case undefined:
      return { return: "OK" };
    case "pcap-file":
      if (!existsSync(given.filename)) return { return: "NOK", message: "filename does not exist" };
      for (const event of events(readFileSync(given.filename))) {
        appendFileSync(join(given["output-dir"], "eve.json"), `${JSON.stringify(event)}\n`);
      }
      return done("Successfully added file to list");
    case "pcap-file-list":
      return done({ count: 0, files: [] });
    case "pcap-current":
      return done("None");
    default:
      return { return: "NOK", message: "Unknown command" };
  }
}

// What was sent in each connection, in order: a capture of ours has neither gaps nor repeats.
function connections(capture) {
  const found = new Map();
  for (let at = FILE; at < capture.length; ) {
    const length = capture.readUInt32LE(at + 8);
    const packet = capture.subarray(at + PACKET + ETHERNET, at + PACKET + length);
    const segment = packet.subarray(IP, packet.readUInt16BE(2));
    const ends = {
      src_ip: [...packet.subarray(12, 16)].join("."),
      src_port: segment.readUInt16BE(0),
      dest_ip: [...packet.subarray(16, 20)].join("."),
      dest_port: segment.readUInt16BE(2),
    };
    const key = JSON.stringify(ends);
    if (!found.has(key)) found.set(key, { ends, sent: [] });
    found.get(key).sent.push(segment.subarray((segment[12] >> 4) * 4));
    at += PACKET + length;
  }
  return [...found.values()].map(({ ends, sent }) => ({ ends, sent: Buffer.concat(sent) }));
}

function events(capture) {
  const uploads = connections(capture).filter(({ sent }) => sent.subarray(0, 5).equals(Buffer.from("POST ")));
  return uploads.flatMap(({ ends, sent }, number) => {
    const body = sent.subarray(sent.indexOf("\r\n\r\n") + 4);
    const event = (event_type, facts) => ({
      timestamp: new Date().toISOString().replace("Z", "000+0000"),
      flow_id: number + 1,
      event_type,
      proto: "TCP",
      ...ends,
      ...facts,
    });
    const alerts = [CANARY, FOUND].filter(([, text]) => body.includes(text));
    const alert = ([signature_id, , signature]) =>
      event("alert", { alert: { gid: 1, signature_id, rev: 1, severity: 1, signature } });
    const sha256 = createHash("sha256").update(body).digest("hex");
    const file = { filename: "x", gaps: false, size: body.length, state: "CLOSED", sha256 };
    return [...alerts.map(alert), event("fileinfo", { fileinfo: file })];
  });
}
