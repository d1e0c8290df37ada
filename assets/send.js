// Sends one item at a time and shows how far each has come: photos in pieces that go on after a
// break, and what cannot go that way, or is no file, to the same address as the plain form. Every
// check here is a convenience: the door checks again.

const form = document.querySelector("form[data-send]");
const words = form?.dataset ?? {};
const english = document.documentElement.lang === "en";
let items = [];

function chosen() {
  const photos = [...form.elements.photos.files].map((file) => ({ field: "photos", value: file }));
  const text = form.elements.message.value;
  const message = text.trim() ? [{ field: "message", value: text }] : [];
  return [...message, ...photos];
}

function show(item, state, detail) {
  item.state = state;
  item.label.textContent = detail ?? words[state];
  const looks = {
    done: "released",
    sending: "quarantined",
    waiting: "waiting",
    paused: "in_review",
    busy: "in_review",
  };
  item.label.className = `status status-${looks[state] ?? "rejected"}`;
  item.bar.hidden = item.sent.hidden = !["sending", "paused", "busy"].includes(state);
}

// In words beside the bar; the bar itself tells those who listen. A message has no size to tell.
function showSent(item, share) {
  item.bar.value = share;
  const total = item.value.size ?? 0;
  if (total === 0) return;
  item.sent.textContent = words.sent.replace("%s", size(share * total)).replace("%t", size(total));
}

// As the receipt writes it.
function size(bytes) {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} KB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function addRow(item, index) {
  const row = document.createElement("li");
  const name = document.createElement("span");
  name.className = "item-name";
  name.textContent =
    item.field === "message"
      ? words.message
      : `${words.photo} ${index} (${size(item.value.size)})`;
  item.bar = document.createElement("progress");
  item.bar.max = 1;
  item.bar.setAttribute("aria-label", name.textContent);
  item.label = document.createElement("span");
  item.sent = document.createElement("p");
  item.sent.className = "item-facts";
  item.sent.setAttribute("aria-hidden", "true");
  row.append(name, " ", item.label, item.bar, item.sent);
  form.querySelector("[data-items]").append(row);
  const tooLarge = item.field === "photos" && item.value.size > Number(words.fileBytes);
  show(item, tooLarge ? "tooLarge" : "waiting");
}

function post(item) {
  return new Promise((resolve) => {
    const body = new FormData();
    body.append(item.field, item.value);
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.setRequestHeader("Accept", "application/json");
    request.responseType = "json";
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) showSent(item, event.loaded / event.total);
    };
    request.onload = () => resolve({ status: request.status, answer: request.response });
    request.onerror = request.onabort = () => resolve({ status: 0, answer: null });
    request.send(body);
  });
}

// Sends a file in pieces. Null where the plain form is to be tried instead.
async function postPieces(item) {
  item.kept ??= { address: null, offset: null };
  let pieces;
  try {
    pieces = await import(words.pieces);
    await pieces.send(item.value, item.kept, {
      sent: (bytes) => {
        if (item.state !== "sending") show(item, "sending");
        showSent(item, Math.min(bytes / item.value.size, 1));
      },
      waits: (why) => show(item, why),
    });
    return { status: 201 };
  } catch (error) {
    if (pieces && error instanceof pieces.Refused) {
      return { status: error.status, answer: error.problem };
    }
  }
  show(item, "sending");
  return (await pieces?.giveUp(item.value, item.kept)) ? { status: 201 } : null;
}

async function send(item) {
  show(item, "sending");
  const inPieces = item.field === "photos" ? await postPieces(item) : null;
  const { status, answer } = inPieces ?? (await post(item));
  if (status === 201) return show(item, "done");
  show(item, "failed", (english ? answer?.title_en : answer?.title_ja) ?? words.failed);
}

function keepOpen(event) {
  event.preventDefault();
}

async function sendAll() {
  const button = form.querySelector("button");
  button.disabled = true;
  addEventListener("beforeunload", keepOpen);
  for (const item of items) {
    if (item.state === "waiting" || item.state === "failed") await send(item);
  }
  removeEventListener("beforeunload", keepOpen);
  if (items.every((item) => item.state === "done")) return location.assign("/receipt");
  button.disabled = false;
  button.textContent = words.again;
  button.hidden = !items.some((item) => item.state === "failed");
  form.querySelector("[data-after]").hidden = false;
}

function begin() {
  // What was refused before is over once something is on its way.
  for (const notice of document.querySelectorAll("main > .notice-problem")) notice.remove();
  items = chosen();
  form.querySelector("[data-items]").replaceChildren();
  let photo = 0;
  for (const item of items) addRow(item, item.field === "photos" ? ++photo : 0);
  form.querySelector("[data-fields]").hidden = true;
  form.querySelector("[data-progress]").hidden = false;
}

function showCount() {
  const shown = form.querySelector("[data-count]");
  const count = form.elements.photos.files.length;
  shown.hidden = count === 0;
  shown.textContent = shown.dataset.count.replace("%n", count);
}

if (form) {
  form.elements.photos.addEventListener("change", showCount);
  form.addEventListener("submit", (event) => {
    // An empty form goes the plain way, so that the door says what is missing.
    if (items.length === 0 && chosen().length === 0) return;
    event.preventDefault();
    if (items.length === 0) begin();
    sendAll();
  });
}
