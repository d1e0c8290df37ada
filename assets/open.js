// Takes the link's secret from the fragment into the form and out of the address bar.
// Nothing is opened here: only the button opens the link, with the second secret.

const form = document.querySelector("form[data-open]");
const secretForm = /^#([0-9A-HJKMNP-TV-Z]{32})$/;

function takeSecret() {
  const found = secretForm.exec(location.hash);
  if (!form || !found) return;
  history.replaceState(null, "", location.pathname + location.search);
  form.elements.secret.value = found[1];
  form.querySelector("[data-code]").hidden = true;
  form.querySelector("[data-link-found]").hidden = false;
  form.elements.second_secret.focus();
}

takeSecret();
addEventListener("hashchange", takeSecret);
