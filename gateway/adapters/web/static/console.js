// The console's own behaviour: liveness of the stream, live pictures, ages, keyboard, remembered name.
// Fragments are swapped by htmx; nothing here knows what they contain beyond the data-* attributes used below.
"use strict";
(() => {
  document.documentElement.classList.add("js");
  const byId = (id) => document.getElementById(id);
  const all = (selector, root = document) => Array.from(root.querySelectorAll(selector));
  const words = JSON.parse(byId("words").textContent);

  // ---------------------------------------------------------------- stream
  // The gateway beats once a second; without a beat for this long what is shown is history and must look it.
  const LOST_AFTER_MS = 4000;
  const LOST_AFTER_ERROR_MS = 1500; // the connection itself is known to be gone
  let stream = null;
  let lastBeat = performance.now();
  let skew_ms = 0; // gateway's wall clock minus this computer's
  let beat = null;
  const now_ms = () => Date.now() + skew_ms;

  htmx.createEventSource = (url) => {
    const source = new EventSource(url);
    stream = source;
    source.addEventListener("beat", (event) => onBeat(JSON.parse(event.data)));
    source.addEventListener("hello", (event) => {
      const isTyping = all("main input").some((input) => input.name === "text" && input.value);
      if (event.data !== document.body.dataset.assetVersion && !isTyping) location.reload();
    });
    return source;
  };

  function onBeat(news) {
    beat = news;
    lastBeat = performance.now();
    skew_ms = news.now_ms - Date.now();
    setLost(false);
    showAges();
  }

  function setLost(isLost) {
    if (document.body.classList.contains("is-lost") === isLost) return;
    document.body.classList.toggle("is-lost", isLost);
    byId("lost").hidden = !isLost;
    if (isLost) byId("lost-since").textContent = clock(now_ms() - (performance.now() - lastBeat));
  }

  // The same fragment again (the first one after the page itself, or after a reconnect) is not swapped, so that what a
  // person picked or typed stays.
  const parsed = (html) => {
    const template = document.createElement("template");
    template.innerHTML = html;
    return template.innerHTML.trim();
  };
  for (const place of all("[sse-swap]")) place.rendered = place.innerHTML.trim();
  document.addEventListener("htmx:sseBeforeMessage", (event) => {
    const place = event.target;
    if (place.hasAttribute("sse-swap")) {
      const news = event.detail.data;
      if (place.lastFragment === undefined ? place.rendered === parsed(news) : place.lastFragment === news) event.preventDefault();
      place.lastFragment = news;
    }
  });

  // ---------------------------------------------------------------- time and ages
  const shanghai = new Intl.DateTimeFormat("zh-CN", { timeZone: "Asia/Shanghai", hour12: false, hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const clock = (at_ms) => shanghai.format(new Date(at_ms));

  function age(milliseconds) {
    const s = Math.max(0, milliseconds) / 1000;
    if (s < 10) return `${s.toFixed(1)} ${words.seconds}`;
    if (s < 120) return `${Math.floor(s)} ${words.seconds}`;
    if (s < 7200) return `${Math.floor(s / 60)} ${words.minutes}`;
    if (s < 172800) return `${Math.floor(s / 3600)} ${words.hours}`;
    return `${Math.floor(s / 86400)} ${words.days}`;
  }

  const write = (element, text) => { if (element && element.textContent !== text) element.textContent = text; };

  function showAges() {
    write(byId("clock"), clock(now_ms()));
    for (const element of all("[data-since-ms]")) write(element, age(now_ms() - Number(element.dataset.sinceMs)));
    if (!beat) return;
    const since_ms = performance.now() - lastBeat;
    for (const element of all("[data-lane-age]")) {
      const lane = beat.lanes[element.dataset.laneAge];
      if (!lane) continue;
      const word = lane.is_online ? words.online : words.offline;
      write(element, lane.age_ms === null ? `${word} · ${words.never}` : `${word} · ${age(lane.age_ms + since_ms)}`);
    }
    for (const figure of all(".camera[data-camera]")) showCamera(figure);
  }

  // ---------------------------------------------------------------- live pictures
  const STALE_PICTURE_MS = 5000;
  const pictures = new Map(); // camera code -> {at_ms, url, isLoading}

  function showCamera(figure) {
    const known = beat.cameras[figure.dataset.camera];
    const picture = pictures.get(figure.dataset.camera);
    const picture_age_ms = picture?.at_ms ? now_ms() - picture.at_ms : null;
    let state = known ? known.state : "offline";
    let word = known ? known.word : words.no_picture;
    if (state === "live" && picture_age_ms !== null && picture_age_ms > STALE_PICTURE_MS) [state, word] = ["stale", words.stale];
    if (state === "live" && picture_age_ms === null) word = words.no_picture;
    figure.dataset.state = state;
    write(figure.querySelector(".camera-word"), word);
    write(figure.querySelector(".camera-age"), picture_age_ms === null ? "" : age(picture_age_ms));
  }

  async function fetchPicture(figure) {
    const code = figure.dataset.camera;
    const picture = pictures.get(code) ?? { at_ms: 0, url: "", isLoading: false };
    pictures.set(code, picture);
    const known = beat?.cameras[code];
    if (picture.isLoading || !known?.at_ms || known.at_ms === picture.at_ms) return;
    picture.isLoading = true;
    try {
      const response = await fetch(`/cameras/${encodeURIComponent(code)}.jpg`, { cache: "no-store", signal: AbortSignal.timeout(4000) });
      if (!response.ok) return;
      const url = URL.createObjectURL(await response.blob());
      const next = new Image();
      next.src = url;
      await next.decode();
      const shown = figure.querySelector("img");
      next.alt = shown.alt;
      shown.replaceWith(next);
      if (picture.url) URL.revokeObjectURL(picture.url);
      picture.url = url;
      picture.at_ms = Number(response.headers.get("x-picture-at-ms"));
      showCamera(figure);
    } catch {
      // The next second tries again; the age tells the person.
    } finally {
      picture.isLoading = false;
    }
  }

  setInterval(() => {
    const isConnected = stream !== null && stream.readyState === EventSource.OPEN;
    if (performance.now() - lastBeat > (isConnected ? LOST_AFTER_MS : LOST_AFTER_ERROR_MS)) setLost(true);
    showAges();
    if (!document.hidden && beat) all(".camera[data-camera]").forEach(fetchPicture);
  }, 1000);

  const markLoaded = (image) => image.classList.add("is-loaded");
  document.addEventListener("load", (event) => { if (event.target instanceof HTMLImageElement) markLoaded(event.target); }, true);
  const sweep = () => all("img").filter((image) => image.complete && image.naturalWidth).forEach(markLoaded);

  // ---------------------------------------------------------------- forms
  const REMEMBERED = "lvzha.by";
  const fill = () => all("[data-remember]").forEach((input) => { if (!input.value) input.value = localStorage.getItem(REMEMBERED) ?? ""; });
  document.addEventListener("input", (event) => {
    if (event.target.matches?.("[data-remember]")) localStorage.setItem(REMEMBERED, event.target.value.trim());
  }, true);

  let toastTimer = 0;
  function toast(text) {
    const element = byId("toast");
    element.textContent = text;
    element.hidden = false;
    clearTimeout(toastTimer);
    toastTimer = setTimeout(() => { element.hidden = true; }, 4000);
  }
  document.addEventListener("htmx:sendError", () => toast(words.unsent));
  document.addEventListener("htmx:timeout", () => toast(words.unsent));
  document.addEventListener("htmx:afterSwap", (event) => {
    const told = event.target.querySelector?.(".told-allow, .told-deny");
    if (told) toast(told.textContent);
  });

  document.addEventListener("click", (event) => {
    const candidate = event.target.closest?.("[data-plate]");
    if (!candidate) return;
    const input = candidate.closest("form").querySelector("input[name=plate_no]");
    input.value = candidate.dataset.plate;
    input.focus();
  });

  const title = document.title;
  const seen = new Set();
  function afterSwap() {
    sweep();
    fill();
    showAges();
    const waiting = all(".answer-hold").length;
    document.title = (waiting ? `(${waiting}) ` : "") + title;
    for (const form of answers()) {
      const key = form.getAttribute("hx-post");
      if (seen.has(key) || !form.classList.contains("answer-hold")) continue;
      seen.add(key);
      // A person who is doing nothing else may answer at once; focus is never taken from anything.
      if (document.activeElement === document.body || document.activeElement === null) focusAnswer(form, false);
    }
  }
  document.addEventListener("htmx:afterSettle", afterSwap);

  // ---------------------------------------------------------------- list of passages
  // A live update asks for as many rows as are shown now; one that was asked for before a person opened more is asked again.
  const shownRows = () => all("#rows .row").length;
  document.addEventListener("htmx:configRequest", (event) => {
    if (event.detail.elt.id !== "passes") return;
    event.detail.parameters.set("rows", String(shownRows()));
    event.detail.elt.askedRows = shownRows();
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { elt } = event.detail.requestConfig;
    if (elt.id !== "passes" || shownRows() <= elt.askedRows) return;
    event.detail.shouldSwap = false;
    setTimeout(() => htmx.trigger(elt, "sse:passes"));
  });

  // ---------------------------------------------------------------- keyboard
  const answers = () => all("form[data-keys='answer']");
  function focusAnswer(form, isScrolling) {
    const details = form.closest("details");
    if (details) details.open = true;
    form.querySelector("input[type=radio]")?.focus({ preventScroll: !isScrolling });
    if (isScrolling) form.scrollIntoView({ block: "nearest" });
  }
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    const forms = answers();
    const focused = document.activeElement?.closest?.("form[data-keys='answer']") ?? null;
    if (event.key === "F2" && forms.length) {
      event.preventDefault();
      focusAnswer(forms[(forms.indexOf(focused) + 1) % forms.length], true);
    } else if (event.key === "F8" || event.key === "F9") {
      const held = forms.filter((form) => form.classList.contains("answer-hold"));
      const form = focused ?? (held.length === 1 ? held[0] : null);
      if (!form) return;
      event.preventDefault();
      form.querySelector(`button[value=${event.key === "F8" ? "allow" : "deny"}]`)?.click();
    } else if (focused && /^[1-9]$/.test(event.key) && !event.target.matches("input:not([type=radio])")) {
      const pick = focused.querySelectorAll("input[type=radio]")[Number(event.key) - 1];
      if (!pick) return;
      event.preventDefault();
      pick.checked = true;
      pick.focus({ preventScroll: true });
    }
  });

  document.querySelector(".nav [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });
  document.addEventListener("DOMContentLoaded", afterSwap);
})();
