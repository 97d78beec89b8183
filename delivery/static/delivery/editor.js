/* The preview beside the editors of templates and signatures: what stands in the form is written by the server, which
   alone knows how, and shown in a frame that runs nothing. */

(() => {
  const editor = document.querySelector(".gm-editor");
  const form = editor && (editor.closest("form") || editor.querySelector("form") || editor);
  if (!form) return;
  const part = (name) => editor.querySelector(`[data-part="${name}"]`);
  let timer = 0;
  let asked = 0;

  async function look() {
    const number = (asked += 1);
    const answer = await fetch(editor.dataset.preview, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    const found = answer.ok && (await answer.json());
    if (found && number === asked) show(found); // else a newer one is on its way
  }

  function show(found) {
    const faults = found.faults || [];
    if (!faults.length) {
      part("subject").textContent = found.subject || "–";
      part("html").srcdoc = found.html || "";
      part("text").textContent = found.text || "";
    }
    const notes = [
      ...faults.map((text) => ["gm-danger", text]),
      ...named("gm-danger", "Missing", found.missing),
      ...named("gm-danger", "Of another type", found.invalid),
      ...named("gm-info", "Declared, not used", found.unused),
      ...(found.warnings || []).map((text) => ["gm-warning", text]),
    ];
    part("notes").replaceChildren(...notes.map(note));
  }

  function named(colour, words, names) {
    return names && names.length ? [[colour, `${words}: ${names.join(", ")}`]] : [];
  }

  function note([colour, text]) {
    const item = document.createElement("li");
    item.className = `gm-reason ${colour}`;
    item.textContent = text;
    return item;
  }

  function choose(shown) {
    for (const button of editor.querySelectorAll("[data-show]")) {
      button.setAttribute("aria-pressed", String(button.dataset.show === shown));
    }
    editor.querySelector(".gm-frame").hidden = shown === "text";
    editor.querySelector(".gm-frame").classList.toggle("gm-phone", shown === "phone");
    part("text").hidden = shown !== "text";
  }

  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(look, 400);
  });
  editor.addEventListener("click", (event) => {
    const button = event.target.closest("[data-show]");
    if (button) choose(button.dataset.show);
  });
  look();
})();
