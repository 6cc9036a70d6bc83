// Follows an order live. Without it the page is complete and has to be reloaded by hand.
const marks = { waiting: "○", running: "◐", done: "●", failed: "✕" };
const list = document.getElementById("steps");
const source = new EventSource(list.dataset.events);

source.addEventListener("view", (event) => {
  const view = JSON.parse(event.data);
  if (view.reload) {
    source.close();
    location.reload();
    return;
  }
  document.getElementById("detail").textContent = view.detail;
  for (const step of view.steps) {
    const item = list.querySelector(`[data-step="${step.id}"]`);
    if (!item || item.dataset.state === step.state) continue;
    item.dataset.state = step.state;
    item.querySelector(".mark").textContent = marks[step.state];
    item.querySelector(".sr-only").textContent = `: ${step.state}`;
  }
});
