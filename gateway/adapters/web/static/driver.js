// Self-registration on a driver's phone. All that is typed or photographed is kept on the phone at once and sent when the
// network carries it; what was interrupted is sent again under the same number, which the gateway takes once.
"use strict";
(() => {
const $ = (id) => document.getElementById(id), all = (s) => Array.from(document.querySelectorAll(s));
const given = JSON.parse($("words").textContent), words = given.words;
const KEY = "lvzha.driver." + given.entrance, LONG_PX = 1600, QUALITY = 0.78, LARGEST = 900000, CHECK_AFTER_MS = 350;
const hex = (n) => Array.from(crypto.getRandomValues(new Uint8Array(n)), (b) => b.toString(16).padStart(2, "0")).join("");
const fresh = () => ({ draft: hex(12), phone: "", name: "", token: "", values: {}, photos: {}, wants: false });
let kept; try { kept = JSON.parse(localStorage.getItem(KEY)); } catch { kept = null; }
kept = kept && kept.draft ? kept : fresh();
let isKept = true;
function keep() { try { localStorage.setItem(KEY, JSON.stringify(kept)); isKept = true; } catch { isKept = false; } }
const two = (pair) => `${pair[0]} ${pair[1]}`;
function say(of, text, tone = "") {
  for (const e of all(`.say[data-of="${of}"]`)) { e.textContent = text; e.className = "say " + tone; }
  const input = $("f-" + of) || { driver_phone: $("phone"), code: $("code") }[of];
  if (input) input.setAttribute("aria-invalid", tone === "error" ? "true" : "false");
}

// ---- the network: a lost answer is not a refusal
class Lost extends Error {}
async function ask(method, path, body, type = "application/json") {
  const headers = { "content-type": type };
  if (kept.token) headers.authorization = "Bearer " + kept.token;
  let answer, doc;
  try {
    answer = await fetch(path, { method, headers, signal: AbortSignal.timeout ? AbortSignal.timeout(30000) : undefined,
      body: body === undefined ? undefined : type === "application/json" ? JSON.stringify(body) : body });
    doc = await answer.json();
  } catch { net(false); throw new Lost(); }
  if (answer.status >= 500) { net(true); throw new Lost(); }
  net(true);
  if (!answer.ok) throw doc;
  return doc;
}
function net(isUp) { $("net").hidden = isUp; }
function refused(problem, of = "") {
  if (problem instanceof Lost) return false;
  if (!problem.zh) throw problem;
  if (problem.code === "no_session") { kept.token = ""; keep(); confirmed(); }
  say(problem.field === undefined ? of : problem.field, `${problem.zh} ${problem.en}`, "error");
  const first = $("f-" + problem.field) || $("phone"); if (problem.field) first.scrollIntoView({ block: "center" });
  return true;
}

// ---- 1 phone
function confirmed() {
  const is = Boolean(kept.token);
  $("ask").hidden = is; $("phone").readOnly = is; if (is) { $("codebox").hidden = true; say("code", two(words.confirmed), "good"); say("driver_phone", ""); }
}
$("ask").addEventListener("click", async () => {
  say("driver_phone", ""); $("ask").disabled = true;
  try {
    const doc = await ask("POST", "/api/code", { phone: $("phone").value.trim() });
    $("codebox").hidden = false; $("code").focus(); say("code", `${words.code_sent[0]}${doc.zh} ${words.code_sent[1]}${doc.en}`);
  } catch (problem) { if (!refused(problem, "driver_phone")) say("driver_phone", two(words.offline), "error"); }
  $("ask").disabled = false;
});
$("confirm").addEventListener("click", async () => {
  try {
    const doc = await ask("POST", "/api/confirm", { phone: $("phone").value.trim(), code: $("code").value.trim() });
    kept.token = doc.token; kept.phone = $("phone").value.trim(); keep(); confirmed(); pump(); states();
  } catch (problem) { if (!refused(problem, "code")) say("code", two(words.offline), "error"); }
});

// ---- 2 photographs: made small here, kept here, sent when the phone is confirmed
let shrinking = 0; // a request waits for them
async function shrunk(file) {
  const picture = await createImageBitmap(file, { imageOrientation: "from-image" });
  const share = Math.min(1, LONG_PX / Math.max(picture.width, picture.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(picture.width * share); canvas.height = Math.round(picture.height * share);
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  let quality = QUALITY, url = canvas.toDataURL("image/jpeg", quality);
  while (url.length > LARGEST && quality > 0.3) { quality -= 0.15; url = canvas.toDataURL("image/jpeg", quality); }
  return url;
}
function showPhoto(kind) {
  const image = document.querySelector(`[data-photo="${kind}"] img`), photo = kept.photos[kind];
  image.hidden = !photo; if (photo) { image.src = photo.url; say(kind, two(photo.sent ? words.photo_sent : words.photo_kept), photo.sent ? "good" : ""); }
}
for (const box of all("[data-photo]")) box.querySelector("input").addEventListener("change", async (event) => {
  const kind = box.dataset.photo, file = event.target.files[0];
  if (!file) return;
  shrinking += 1;
  try { kept.photos[kind] = { url: await shrunk(file), sent: false }; keep(); showPhoto(kind); } catch { say(kind, two(words.failed), "error"); }
  shrinking -= 1; pump();
});
const bytes = (url) => Uint8Array.from(atob(url.split(",")[1]), (c) => c.charCodeAt(0));
async function sendPhoto(kind) {
  const photo = kept.photos[kind];
  const doc = await ask("PUT", `/api/photo/${kept.draft}/${kind}`, bytes(photo.url), "image/jpeg");
  if (kept.photos[kind] === photo) photo.sent = true;
  showPhoto(kind);
  const read = Object.entries(doc.values);
  for (const [name, value] of read) {
    const input = $("f-" + name);
    if (input && !input.value) { input.value = value; kept.values[name] = value; }
    if (input && input.value.toUpperCase() === value) say(name, two(words.read_from_list), "good");
  }
  if (kind === "list") say(kind, two(read.length ? words.read_from_list : words.no_code_found), read.length ? "good" : "warning");
  keep();
}

// ---- 3 fields: the gateway's own rules, asked while typing
let timer = 0, turn = 0;
async function check() {
  const mine = ++turn;
  try {
    const doc = await ask("POST", "/api/check", kept.values);
    if (mine !== turn) return;
    for (const input of all("#form [name]")) say(input.name, "");
    for (const f of doc.findings) say(f.field, `${f.zh} ${f.en}`, f.level);
  } catch (problem) { refused(problem); }
}
for (const input of all("#form [name]")) input.addEventListener("input", () => {
  kept.values[input.name] = input.value; keep(); clearTimeout(timer); timer = setTimeout(check, CHECK_AFTER_MS);
});
for (const id of ["phone", "name"]) $(id).addEventListener("input", () => { kept[id] = $(id).value; keep(); });

// ---- sending: photographs first, then the request, again and again until each is answered
let isBusy = false, isMore = false, wait_ms = 1000, again = 0;
async function pump() {
  if (isBusy || !kept.token) { isMore = isBusy; return; }
  isBusy = true; isMore = false; clearTimeout(again);
  try {
    for (const kind of Object.keys(kept.photos)) if (!kept.photos[kind].sent) {
      try { await sendPhoto(kind); } catch (problem) {
        if (problem.code !== "photo") throw problem;
        delete kept.photos[kind]; kept.wants = false; keep(); showPhoto(kind); refused(problem, kind);
      }
    }
    if (kept.wants && !shrinking) {
      await ask("POST", "/api/request", { draft: kept.draft, phone: kept.phone, name: kept.name, entrance: given.entrance, values: kept.values });
      const { phone, name, token } = kept;
      kept = { ...fresh(), phone, name, token }; keep();
      $("form").hidden = true; $("done").hidden = false; scrollTo(0, 0); states();
    }
    wait_ms = 1000;
  } catch (problem) {
    if (refused(problem)) { kept.wants = false; keep(); }
    else { isMore = false; again = setTimeout(pump, wait_ms); wait_ms = Math.min(wait_ms * 2, 15000); }
  } finally { isBusy = false; shown(); }
  if (isMore) pump();
}
function shown() {
  $("send").disabled = kept.wants;
  if (kept.wants) say("", two(words.sending));
  else if (document.querySelector('.say[data-of=""]').textContent === two(words.sending)) say("", "");
}
$("form").addEventListener("submit", (event) => {
  event.preventDefault(); say("", "");
  if (!kept.token) { say("code", two(words.resend), "error"); $("phone").scrollIntoView({ block: "center" }); return; }
  kept.wants = true; keep(); shown(); pump();
});
addEventListener("online", () => { wait_ms = 1000; pump(); states(); });
addEventListener("offline", () => net(false));

// ---- how the requests stand
async function states() {
  if (!kept.token) return;
  try {
    const found = (await ask("GET", "/api/requests")).requests;
    $("states").hidden = !found.length;
    $("states").querySelector("ul").replaceChildren(...found.map((r) => {
      const line = document.createElement("li"), plate = document.createElement("b"), state = document.createElement("span");
      plate.textContent = r.plate; state.textContent = two(words[r.state]); state.className = r.state;
      line.append(plate, state, r.why ? ` ${r.why}` : "", ` ${r.at}`);
      return line;
    }));
  } catch (problem) { refused(problem); }
}
$("again").addEventListener("click", () => { $("done").hidden = true; $("form").hidden = false; show(); });
setInterval(() => { if (!document.hidden) states(); }, 15000);

function show() {
  $("phone").value = kept.phone; $("name").value = kept.name;
  for (const input of all("#form [name]")) { input.value = kept.values[input.name] || ""; say(input.name, ""); }
  for (const box of all("[data-photo]")) { const kind = box.dataset.photo; box.querySelector("input").value = ""; say(kind, ""); showPhoto(kind); }
  confirmed(); shown();
  if (Object.keys(kept.values).length) check();
}
show(); net(navigator.onLine); states(); pump();
})();
