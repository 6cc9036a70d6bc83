// What happens on a page that is open. Without it every page is complete and has to be reloaded by hand.

/** Takes the page anew and exchanges its live parts; what somebody types in or has opened stays. */
async function renew() {
  const answer = await fetch(location.href, { headers: { accept: "text/html" } });
  if (answer.redirected) return location.reload();
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of document.querySelectorAll("[data-live]")) {
    const next = fresh.getElementById(part.id);
    if (!next || next.isEqualNode(part) || isInUse(part)) continue;
    const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
    part.replaceWith(document.adoptNode(next));
    if (focused) document.getElementById(focused)?.focus();
  }
}

function isInUse(part) {
  const { activeElement } = document;
  const types = part.contains(activeElement) && activeElement.matches("input, select, textarea");
  return types || part.querySelector("details[open]") !== null;
}

/** One at a time, and one more when something happened meanwhile. */
let renewing = false;
let again = false;
async function renewSoon() {
  again = true;
  if (renewing) return;
  renewing = true;
  while (again) {
    again = false;
    await renew().catch(() => undefined);
  }
  renewing = false;
}

function say(id, text) {
  const place = document.getElementById(id);
  if (place && place.textContent !== text) place.textContent = text;
}

const mostLines = 2000;

function addLine(log, { operation, at, kind, message }) {
  const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  const item = document.createElement("li");
  item.dataset.kind = kind;
  if (log.dataset.operation !== String(operation)) item.dataset.first = String(operation);
  log.dataset.operation = String(operation);
  const time = document.createElement("time");
  time.dateTime = at;
  time.textContent = at.slice(11, 19);
  const text = document.createElement("span");
  text.textContent = message;
  item.append(time, text);
  log.append(item);
  while (log.childElementCount > mostLines) log.firstElementChild.remove();
  if (isAtEnd) log.scrollTop = log.scrollHeight;
}

function follow(log) {
  log.scrollTop = log.scrollHeight;
  const source = new EventSource(log.dataset.events);
  source.addEventListener("open", () => say("live", "· live"));
  source.addEventListener("error", () => say("live", "· connecting again"));
  source.addEventListener("line", (event) => addLine(log, JSON.parse(event.data)));
  source.addEventListener("ended", () => location.reload());
  source.addEventListener("changed", (event) => {
    say("announce", `It is ${event.data} now.`);
    // What was just ordered has come about.
    document.querySelector(".notice[data-kind=good]")?.remove();
    void renewSoon();
  });
  // What changed while nobody listened.
  source.addEventListener("beat", () => void renewSoon());
}

const log = document.getElementById("log");
if (log?.dataset.events) follow(log);

for (const part of document.querySelectorAll("[data-refresh]")) {
  setInterval(() => {
    if (document.visibilityState === "visible") void renewSoon();
  }, Number(part.dataset.refresh));
}

// A second click is no second order.
document.addEventListener("submit", (event) => {
  if (event.target.method !== "post") return;
  for (const button of event.target.querySelectorAll("button")) setTimeout(() => (button.disabled = true));
});
// Of a page that comes back from the browser's memory, too.
addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("button:disabled")) button.disabled = false;
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("input, textarea, select")) return;
  const search = document.querySelector("[data-slash]");
  if (!search) return;
  event.preventDefault();
  search.focus();
  search.select();
});
