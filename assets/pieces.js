// Sends one file in pieces (tus 1.0), and goes on by itself where it stopped when the connection
// breaks or the door is away for a while. Keeps nothing in the browser's storage.

const PIECE_BYTES = 4 * 1024 * 1024;
const PAUSES_MS = [1000, 2000, 4000, 8000, 15000];
// Tries in a row that bring nothing further: about two minutes.
const MOST_TRIES = 12;
// What the plain form would be refused too, and says better than a silent second try.
const FINAL = [401, 403, 413, 422, 507];
// Refusals that may be over in a moment.
const PASSING = [0, 408, 409, 423, 429, 500, 502, 503, 504];
const BUSY = [429, 500, 502, 503, 504];

// The door's last word. `problem` is its problem document, if it sent one.
export class Refused extends Error {
  constructor(status, problem) {
    super(`refused with ${status}`);
    Object.assign(this, { status, problem });
  }
}

function ask(method, address, headers, body, sent) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open(method, address);
    request.responseType = "json";
    const all = { "Tus-Resumable": "1.0.0", Accept: "application/json", ...headers };
    for (const [name, value] of Object.entries(all)) request.setRequestHeader(name, value);
    if (sent) request.upload.onprogress = (event) => sent(event.loaded);
    const answer = () => ({
      status: request.status,
      header: (name) => request.getResponseHeader(name),
      problem: request.response,
    });
    request.onload = () => resolve(answer());
    request.onerror = request.onabort = () => resolve({ status: 0 });
    request.send(body);
  });
}

// UTF-8 in base64: file names are in any script.
function base64(text) {
  return btoa(String.fromCodePoint(...new TextEncoder().encode(text)));
}

// A moment, or until the browser is online again.
function pause(milliseconds) {
  return new Promise((resolve) => {
    const over = () => {
      clearTimeout(timer);
      removeEventListener("online", over);
      resolve();
    };
    const timer = setTimeout(over, milliseconds);
    addEventListener("online", over);
  });
}

const isDone = (answer) => answer.status >= 200 && answer.status < 300;

async function announce(file, kept) {
  const answer = await ask("POST", "/uploads", {
    "Upload-Length": String(file.size),
    "Upload-Metadata": `filename ${base64(file.name.slice(-100))},filetype ${base64(file.type)}`,
  });
  if (isDone(answer)) Object.assign(kept, { address: answer.header("Location"), offset: 0 });
  return answer;
}

async function look(kept) {
  const answer = await ask("HEAD", kept.address, {});
  if (isDone(answer)) kept.offset = Number(answer.header("Upload-Offset"));
  return answer;
}

async function append(file, kept, told) {
  const from = kept.offset;
  const headers = {
    "Content-Type": "application/offset+octet-stream",
    "Upload-Offset": String(from),
  };
  const piece = file.slice(from, from + PIECE_BYTES);
  const answer = await ask("PATCH", kept.address, headers, piece, (sent) => told.sent(from + sent));
  // Where it stands after anything else, the door knows.
  kept.offset = isDone(answer) ? Number(answer.header("Upload-Offset")) : null;
  return answer;
}

// Sends the file, or the rest of it. `kept` is an object of the caller's that outlives a failure, so
// that a later call goes on; `told` hears of bytes sent, and of pauses and why. Throws Refused for what is
// final, and another error where the plain form may do better.
export async function send(file, kept, told) {
  let tries = 0;
  let furthest = kept.offset ?? 0;
  let restarted = false;
  while (kept.offset !== file.size) {
    let answer;
    if (!kept.address) answer = await announce(file, kept);
    else if (kept.offset === null) answer = await look(kept);
    else answer = await append(file, kept, told);
    if (isDone(answer)) {
      if (kept.offset > furthest) tries = 0;
      furthest = Math.max(furthest, kept.offset);
    } else if ([404, 410].includes(answer.status) && kept.address && !restarted) {
      // Its time was over: from the start, once.
      restarted = true;
      Object.assign(kept, { address: null, offset: null });
    } else if (FINAL.includes(answer.status)) {
      throw new Refused(answer.status, answer.problem);
    } else if (PASSING.includes(answer.status) && tries < MOST_TRIES) {
      // Whoever answers is there, and cannot take it now; otherwise the connection broke.
      told.waits(BUSY.includes(answer.status) ? "busy" : "paused");
      await pause(PAUSES_MS[Math.min(tries, PAUSES_MS.length - 1)]);
      tries += 1;
    } else {
      throw new Error(`no piece arrives: ${answer.status}`);
    }
  }
}

// Gives a file up, so that it takes no place any more. True if all of it had arrived after all.
export async function giveUp(file, kept) {
  if (!kept.address) return false;
  const looked = await look(kept);
  if (isDone(looked) && kept.offset === file.size) return true;
  const given = await ask("DELETE", kept.address, {});
  if (isDone(given)) Object.assign(kept, { address: null, offset: null });
  return false;
}
