/* What the theme's pages expect of their scope. Alpine's CSP build evaluates no script: it reads simple
   expressions itself and knows no globals, so what an expression names has to be given to it here. */

document.addEventListener("alpine:init", () => {
  Alpine.data("theme", (chosen) => ({ ...theme(chosen), window: place() }));
  Alpine.data("page", page);
  Alpine.data("searchForm", searchForm);
});

/* The part of `window` that expressions of the theme use; they leave only for pages of this service. */
function place() {
  return {
    location: {
      get pathname() { return location.pathname; },
      get search() { return location.search; },
      get hash() { return location.hash; },
      get href() { return location.href; },
      set href(to) {
        if (new URL(to, location.href).origin === location.origin) location.assign(to);
      },
    },
  };
}

/* What <body> remembers: which tab is shown, and whether the menu stands beside the page. */
function page(firstTab = "") {
  return {
    activeTab: firstTab && (getCurrentTab() || firstTab),
    sidebarMobileOpen: false,
    sidebarDesktopOpen: localStorage.getItem("sidebarDesktopOpen") !== "0",
    init() {
      this.$watch("sidebarDesktopOpen", (open) => localStorage.setItem("sidebarDesktopOpen", open ? "1" : "0"));
    },
  };
}

/* The theme writes a chosen file's name into a field of text beside it, which our fields of files have not: they show it. */
window.fileInputUpdatePath = () => {};

/* A part of a page that is read anew every second, or as often as it says, until what it is about has come to its end;
   then the whole page, for other orders are possible. */
document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("[data-refreshed]").forEach(follow));

function follow(part) {
  const mark = () => part.querySelector("[data-going]");
  const { status, every = "1" } = mark().dataset;
  if (mark().dataset.going !== "yes") return;
  setTimeout(async () => {
    try {
      const answer = await fetch(part.dataset.refreshed, { credentials: "same-origin" });
      if (answer.ok) part.innerHTML = await answer.text();
    } catch { /* the server is away; it is asked again */ }
    if (mark().dataset.status === status) follow(part);
    else location.reload();
  }, Number(every) * 1000);
}

/* Buttons that copy what they name. */
document.addEventListener("click", async ({ target }) => {
  const button = target.closest?.("[data-copy]");
  if (!button) return;
  const words = button.textContent;
  button.textContent = (await copied(button.dataset.copy)) ? "Copied" : "Not copied";
  setTimeout(() => { button.textContent = words; }, 1500);
});

async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch { /* over plain HTTP there is no clipboard: the old way asks a selected field */
    const field = Object.assign(document.createElement("textarea"), { value: text });
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }
}

/* Times are in the server's zone; the reader's own stands in the tooltip. */
document.addEventListener("DOMContentLoaded", () => {
  const shown = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
  document.querySelectorAll("time[datetime]").forEach((time) => {
    const at = new Date(time.dateTime);
    if (!Number.isNaN(at.getTime())) time.title = `Here: ${shown.format(at)}`;
  });
});
