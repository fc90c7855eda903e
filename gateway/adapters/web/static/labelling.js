// The labelling bench: cells, candidates, types and keys. The server says what is a plate; nothing here knows the forms.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const all = (selector, root = document) => Array.from(root.querySelectorAll(selector));
  const INITIALS = JSON.parse(byId("label-initials").textContent);
  const bench = () => byId("bench");
  const form = () => byId("label-form");
  const cells = () => all(".cell input", form() ?? undefined);
  const whole = () => cells().map((cell) => cell.value).join("");
  const field = (name) => form().elements[name];
  const kinds = () => all(".label-types input");
  const kind = () => kinds().find((radio) => radio.checked)?.value ?? "unknown";

  // ---------------------------------------------------------------- cells
  const usual = (text) => text.normalize("NFKC").toUpperCase().replace(/[\s.·•・_-]/g, "");

  function set(cell, char) {
    cell.value = char;
    const isFirst = char === cell.dataset.first;
    cell.className = `tint-${isFirst ? cell.dataset.tint : "none"}${isFirst ? "" : " is-edited"}`;
  }

  function fillFrom(text, place = 0) {
    const characters = Array.from(usual(text));
    cells().slice(place).forEach((cell, i) => { if (place === 0 || i < characters.length) set(cell, characters[i] ?? ""); });
    changed();
    go(Math.min(place + characters.length, cells().length - 1));
  }

  function go(place) {
    const cell = cells()[Math.max(0, Math.min(cells().length - 1, place))];
    cell?.focus({ preventScroll: matchMedia("(pointer: coarse)").matches });
    cell?.select();
  }

  // In the first cell a letter means a province; the same letter again means the next one, and then the letter itself.
  function provinceOf(cell, letter) {
    const choices = (INITIALS[letter] ?? "") + letter;
    cell.turn = cell.letter === letter ? cell.turn + 1 : 0;
    cell.letter = letter;
    return choices[cell.turn % choices.length];
  }

  function typed(event) {
    const cell = event.target;
    if (event.isComposing || !cell.matches(".cell input")) return;
    const place = cells().indexOf(cell);
    const text = usual(cell.value);
    const char = Array.from(text).at(-1) ?? "";
    if (place === 0 && /^[A-Z]$/.test(char)) {
      set(cell, provinceOf(cell, char));
      cell.select();
      return changed();
    }
    if (Array.from(text).length > 1 && event.inputType === "insertFromPaste") return fillFrom(text, place);
    set(cell, char);
    changed();
    if (char) go(place + 1);
  }

  function rotate(cell, step) {
    const place = cells().indexOf(cell);
    const choices = [cell.dataset.first, ...all(`.option[data-place="${place}"]`).map((option) => option.dataset.char)].filter(Boolean);
    if (choices.length < 2) return;
    set(cell, choices[(choices.indexOf(cell.value) + step + choices.length) % choices.length]);
    changed();
    cell.select();
  }

  // ---------------------------------------------------------------- what the server says of it
  let asked = 0;
  let timer = 0;
  function changed() {
    field("text").value = whole();
    form().querySelector(".label-plate").dataset.type = kind();
    clearTimeout(timer);
    timer = setTimeout(check, 90);
  }

  async function check() {
    if (!form()) return;
    const mine = ++asked;
    const query = new URLSearchParams({ text: whole(), type: kind() });
    let answer;
    try {
      const response = await fetch(`/labelling/check?${query}`, { cache: "no-store" });
      if (!response.ok) return;
      answer = await response.json();
    } catch {
      return; // accepting says what is wrong
    }
    if (mine !== asked || !form()) return;
    const said = byId("label-check");
    said.textContent = answer.said;
    said.className = `label-check ${answer.said ? (answer.is_ok ? "is-ok" : "is-wrong") : ""}`;
    for (const radio of kinds()) {
      radio.parentElement.classList.toggle("is-out", answer.types.length > 0 && radio.value !== "unknown" && !answer.types.includes(radio.value));
    }
  }

  // ---------------------------------------------------------------- corners on the frame
  let points = [];
  const isMarking = () => form().classList.contains("is-marking");
  const hasPlate = () => document.querySelector(".label-view").classList.contains("has-plate");
  function marking(isOn) {
    form().classList.toggle("is-marking", isOn);
    form().querySelector("[data-do=corners]").setAttribute("aria-pressed", String(isOn));
    byId("label-corners-hint").hidden = !isOn;
    points = [];
    field("corners").value = "";
    draw();
  }

  // Without a cut-out the large picture is the frame too: corners are set in either, and drawn in both.
  function draw() {
    for (const svg of hasPlate() ? [byId("label-frame")] : [byId("label-frame"), byId("label-view")]) {
      const radius = svg.viewBox.baseVal.width / 160;
      const layer = svg.querySelector(".label-points");
      layer.replaceChildren();
      const make = (name, attributes) => {
        const element = document.createElementNS("http://www.w3.org/2000/svg", name);
        for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
        layer.append(element);
      };
      if (points.length === 4) {
        const middle = points.reduce((sum, p) => [sum[0] + p[0] / 4, sum[1] + p[1] / 4], [0, 0]);
        const around = [...points].sort((a, b) => Math.atan2(a[1] - middle[1], a[0] - middle[0]) - Math.atan2(b[1] - middle[1], b[0] - middle[0]));
        make("polygon", { points: around.map((p) => p.join(",")).join(" ") });
      }
      for (const [x, y] of points) make("circle", { cx: x, cy: y, r: radius });
    }
  }

  const ZOOM = 5;
  function mark(event, svg) {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    if (svg.id === "label-view" && svg.getAttribute("viewBox") === svg.dataset.whole) {
      const [, , width, height] = svg.dataset.whole.split(" ").map(Number);
      svg.dataset.near = [at.x - width / ZOOM / 2, at.y - height / ZOOM / 2, width / ZOOM, height / ZOOM].map((v) => v.toFixed(1)).join(" ");
      DO.wide();
      return draw(); // the first tap only goes near: a plate is a few pixels wide in the whole frame
    }
    if (points.length === 4) points = [];
    points.push([Math.round(at.x * 10) / 10, Math.round(at.y * 10) / 10]);
    field("corners").value = points.length === 4 ? points.map((p) => p.join(",")).join(" ") : "";
    draw();
  }

  // ---------------------------------------------------------------- saying it
  function send(answer) {
    const who = document.querySelector("#label-filter [name=by]");
    if (!who.value.trim()) {
      who.focus();
      who.classList.add("is-missing");
    }
    field("answer").value = answer;
    field("text").value = whole();
    post(form().dataset.post, Object.fromEntries(new FormData(form())));
  }

  // By hand and not by attributes: a key may come before a new bench has its handlers.
  let isSending = false;
  async function post(address, values) {
    if (isSending) return;
    isSending = true;
    try {
      const filter = Object.fromEntries(new FormData(byId("label-filter")));
      await htmx.ajax("POST", address, { source: bench(), target: "#bench", swap: "outerHTML", values: { ...filter, ...values } });
    } finally {
      isSending = false;
    }
  }
  document.addEventListener("submit", (event) => { if (event.target.closest("#bench, #label-filter")) event.preventDefault(); });

  const DO = {
    accept: () => send("plate"),
    no_plate: () => send("no_plate"),
    unreadable: () => send("unreadable"),
    skipped: () => send("skipped"),
    second: () => { field("second").checked = !field("second").checked; },
    undo: () => post("/labelling/undo", {}),
    look: () => { const view = document.querySelector(".label-view"); view.dataset.look = (Number(view.dataset.look) + 1) % 4; },
    wide: () => { const svg = byId("label-view"); if (svg.dataset.near) svg.setAttribute("viewBox", svg.getAttribute("viewBox") === svg.dataset.whole ? svg.dataset.near : svg.dataset.whole); },
    corners: () => marking(!isMarking()),
  };
  const KEYS = { F2: "no_plate", F4: "unreadable", F7: "second", F8: "skipped", F9: "undo" };

  document.addEventListener("click", (event) => {
    const target = event.target;
    if (!bench()?.contains(target)) return;
    const svg = target.closest("#label-frame, #label-view");
    if (svg && form() && isMarking() && (svg.id === "label-frame" || !hasPlate())) return mark(event, svg);
    const button = target.closest("button");
    if (!button) return;
    const { do: what, candidate, char, typeChar } = button.dataset;
    if (candidate) fillFrom(candidate);
    else if (char) { set(cells()[button.dataset.place], char); changed(); go(Number(button.dataset.place)); }
    else if (typeChar) { const cell = lastCell(); set(cell, typeChar); changed(); go(cells().indexOf(cell) + 1); }
    else if (what === "accept") { event.preventDefault(); DO.accept(); }
    else if (what) DO[what]();
  });

  let last = null;
  const lastCell = () => (last && cells().includes(last) ? last : cells()[0]);
  document.addEventListener("focusin", (event) => {
    if (!event.target.matches?.(".cell input")) return;
    last = event.target;
    last.select();
  });

  // The palettes are for fingers and mice; a keyboard has letters, and nothing should move while it is used.
  document.addEventListener("pointerdown", (event) => {
    if (!event.target.matches?.(".cell input")) return;
    const place = cells().indexOf(event.target);
    byId("palette-province").hidden = place !== 0;
    byId("palette-last").hidden = place < 6;
  });

  document.addEventListener("input", (event) => { if (form()) typed(event); });
  document.addEventListener("compositionend", (event) => { if (form()) typed(event); });
  document.addEventListener("change", (event) => { if (event.target.name === "type" && form()) changed(); });

  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.altKey || event.metaKey || !bench()) return;
    if (KEYS[event.key] && !event.ctrlKey) {
      if (!form() && event.key !== "F9") return;
      event.preventDefault();
      return DO[KEYS[event.key]]();
    }
    if (!form()) return;
    if (event.ctrlKey) {
      const what = { b: "look", ArrowUp: "wide", ArrowDown: "wide" }[event.key];
      if (what) { event.preventDefault(); DO[what](); }
      return;
    }
    const cell = event.target.matches?.(".cell input") ? event.target : null;
    const place = cells().indexOf(cell);
    if (event.key === "PageDown" || event.key === "PageUp") {
      event.preventDefault();
      const choices = kinds().filter((radio) => !radio.parentElement.classList.contains("is-out"));
      const next = choices.indexOf(kinds().find((radio) => radio.checked)) + (event.key === "PageDown" ? 1 : -1);
      choices[(next + choices.length) % choices.length].checked = true;
      return changed();
    }
    if (event.key === "Enter" && (cell || event.target === document.body || event.target.matches?.(".type input, #main"))) {
      event.preventDefault();
      return DO.accept();
    }
    if (!cell) return;
    if (event.key === "ArrowLeft" || event.key === "ArrowRight") { event.preventDefault(); go(place + (event.key === "ArrowLeft" ? -1 : 1)); }
    else if (event.key === "ArrowUp" || event.key === "ArrowDown") { event.preventDefault(); rotate(cell, event.key === "ArrowDown" ? 1 : -1); }
    else if (event.key === "Home" || event.key === "End") { event.preventDefault(); go(event.key === "Home" ? 0 : Math.max(0, whole().length - 1)); }
    else if (event.key === "Backspace") { event.preventDefault(); if (cell.value) { set(cell, ""); changed(); } else if (place) { set(cells()[place - 1], ""); changed(); go(place - 1); } }
  });

  // ---------------------------------------------------------------- the next one
  function begin() {
    const note = bench()?.dataset.note;
    if (note) { byId("toast").textContent = note; byId("toast").hidden = false; clearTimeout(begin.timer); begin.timer = setTimeout(() => { byId("toast").hidden = true; }, 2500); }
    if (!form()) return;
    points = [];
    changed();
    if (!hasPlate()) marking(true);
    const doubtful = cells().findIndex((cell) => ["bad", "poor", "fair"].includes(cell.dataset.tint));
    const isTyping = document.activeElement?.matches("#label-filter input, #label-filter select");
    if (isTyping) return;
    if (matchMedia("(pointer: coarse)").matches) document.querySelector(".label-form").scrollIntoView({ block: "start" });
    else go(doubtful >= 0 ? doubtful : 0);
  }
  document.addEventListener("htmx:afterSettle", (event) => { if (event.target.id === "bench") begin(); });
  document.addEventListener("DOMContentLoaded", () => {
    // The queue depends on who asks: the remembered name is known to this page only.
    const who = document.querySelector("#label-filter [name=by]");
    if (who.value) htmx.trigger(document.querySelector("#label-filter [name=lane]"), "change");
    begin();
  });
})();
