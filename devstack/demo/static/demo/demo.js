/** What the page around the bell does: signs it in, publishes, and leads to its settings. */

import { post } from "./calls.js";
import { look, published } from "./story.js";

const bell = document.querySelector("notification-bell");
const producers = document.querySelector(".producers");
const title = document.title;

bell.getToken = async () => (await post("/demo/token")).token;
bell.addEventListener("unread-change", ({ detail: { unread } }) => {
  document.title = unread ? `(${unread}) ${title}` : title;
});
for (const button of document.querySelectorAll("[data-service]")) {
  button.addEventListener("click", () => publish(button));
}
for (const button of document.querySelectorAll("[data-settings]")) {
  button.addEventListener("click", openSettings);
}

if (new URLSearchParams(location.search).has("settings")) openSettings(); // from a mail

async function publish(button) {
  if (button.ariaDisabled === "true") return;
  button.ariaDisabled = "true";
  try {
    await post("/demo/publish", { service: button.dataset.service });
    published();
    refuse("");
  } catch (error) {
    refuse(error.message);
  } finally {
    button.ariaDisabled = "false";
    look();
  }
}

function refuse(text) {
  producers.querySelector(".refusal").textContent = text;
}

/** The settings are behind a button of the bell's panel, which is made anew for each user. */
function openSettings(event) {
  event?.stopPropagation(); // a click outside of it closes the panel
  bell.scrollIntoView({ block: "nearest" });
  bell.open();
  bell.shadowRoot.querySelector("[part~=settings]")?.click();
}
