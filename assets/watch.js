// Takes what is shown off the screen once it may not be shown any more: recalled, past its time, or
// seen by nobody who is signed in. Without scripts the page still cannot be had again.

const gone = document.querySelector("[data-standing]");
const every = 2000;
const mostFailures = 3;
let failures = 0;

async function stands() {
  try {
    const answer = await fetch(gone.dataset.standing, { redirect: "manual", cache: "no-store" });
    if (answer.status === 204) {
      failures = 0;
      return true;
    }
    // A door that is slow (408) has not said that it may not be shown.
    if (answer.status < 500 && answer.status !== 408) return false;
  } catch {
    // Counted below.
  }
  failures += 1;
  return failures < mostFailures;
}

async function look() {
  if (!gone.hidden) return;
  if (await stands()) return;
  for (const viewer of document.querySelectorAll("figure.viewer")) viewer.remove();
  gone.hidden = false;
  clearInterval(timer);
}

const timer = setInterval(look, every);
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") look();
});
