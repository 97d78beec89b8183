/* The pages of mailings: times in the reader's own zone, and the fields of bodies only where no template is chosen. */

(() => {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const shown = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });

  function write() {
    for (const time of document.querySelectorAll(".gm-own-zone:not([data-written])")) {
      time.textContent = `${shown.format(new Date(time.dateTime))} (${zone})`;
      time.dataset.written = "";
    }
  }

  function local(date) {
    return new Date(date - date.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
  }

  /* What the server has written is in UTC; what comes back is in the zone that is named beside it. */
  function ask() {
    const field = document.querySelector("[name=send_at]");
    const named = document.querySelector("[name=zone]");
    if (!field) return;
    if (field.value && !named.value) field.value = local(new Date(`${field.value}Z`));
    named.value = zone;
    field.parentElement.querySelector("label").append(` (${zone})`);
  }

  function choose() {
    const chosen = document.querySelector(".gm-editor [name=template]");
    const own = document.querySelector("[data-own]");
    if (!chosen || !own) return;
    const see = () => { own.hidden = chosen.value !== ""; };
    chosen.addEventListener("change", see);
    see();
  }

  write();
  ask();
  choose();
  document.querySelectorAll("[data-refreshed]").forEach((part) => new MutationObserver(write).observe(part, { childList: true }));
})();
