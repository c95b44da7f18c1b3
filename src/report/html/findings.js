// The list of findings: filters, search, and rows that are made as they are needed.

const CHUNK = 60;
const PRINTED_OPEN = 300;
let made = 0;
let list, status, more;

function checks(legend, words, key, label) {
  return el("fieldset", { class: "checks" }, el("legend", {}, legend), words.map((word) => {
    const id = `${key}-${word}`;
    return el("span", { class: "check" }, el("input", { type: "checkbox", id, on: {
      change: (event) => {
        const chosen = new Set(filter[key]);
        if (event.target.checked) chosen.add(word);
        else chosen.delete(word);
        change({ [key]: chosen });
      },
    } }), el("label", { for: id, class: key === "severities" ? `chip ${word}` : "chip plain" }, label(word)));
  }));
}

function select(id, label, options, key) {
  return el("div", { class: "field" }, el("label", { for: id }, label),
    el("select", { id, on: { change: (event) => change({ [key]: event.target.value }) } },
      options.map(([value, says]) => el("option", { value }, says))));
}

function timeField(id, label, key) {
  return el("div", { class: "field" }, el("label", { for: id }, `${label} (UTC)`),
    el("input", { type: "datetime-local", id, on: {
      change: (event) => change({ [key]: event.target.value ? Date.parse(`${event.target.value}Z`) * 1000 : null }),
    } }));
}

function findingsSection(place) {
  const present = (words, key) => words.filter((word) => findings.some((one) => one[key] === word));
  const severities = countBy(findings, (one) => one.severity);
  const titles = d3.rollups(findings, (group) => `${group[0].title} (${number(group.length)})`, (one) => one.rule).sort((a, b) => d3.ascending(a[1], b[1]));
  const search = el("input", { type: "search", id: "search", autocomplete: "off", spellcheck: "false", "aria-describedby": "status",
    placeholder: "name, id, resource, operation, event …" });
  let waiting = null;
  search.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => change({ text: search.value }), 120);
  });
  status = el("p", { id: "status", role: "status", "aria-live": "polite" });
  list = el("ol", { id: "list", class: "list", "aria-label": "Findings" });
  more = el("button", { type: "button", class: "quiet", id: "more", on: { click: () => addRows(CHUNK) } }, "Show more");
  place.append(
    el("form", { class: "filters", role: "search", "aria-label": "Filter the findings", on: { submit: (event) => event.preventDefault() } },
      el("div", { class: "field grow" }, el("label", { for: "search" }, "Search ", el("kbd", {}, "/")), search),
      checks("Severity", present(SEVERITIES, "severity"), "severities", (word) => `${word} ${number(severities.get(word))}`),
      checks("Stream", present(STREAMS, "stream"), "streams", (word) => STREAM_WORDS[word]),
      el("div", { class: "break" }),
      select("direction", "About", [["", "everything"], ...Object.entries(DIRECTIONS)], "direction"),
      select("rule", "Rule", [["", "all rules"], ...titles], "rule"),
      timeField("from", "From", "from"), timeField("until", "Until", "until"),
      select("order", "Order", [["severity", "worst first"], ["newest", "newest first"], ["oldest", "oldest first"], ["events", "most events first"]], "order"),
      el("div", { class: "field end" }, el("button", { type: "button", id: "reset", class: "quiet", on: { click: () => resetFilter({}) } }, "Reset"))),
    status, list, more);
  new IntersectionObserver((entries) => {
    if (entries.some((entry) => entry.isIntersecting)) addRows(CHUNK);
  }, { rootMargin: "600px" }).observe(more);
  listeners.push(fill);
  document.addEventListener("keydown", (event) => {
    const typing = event.target instanceof Element && event.target.closest("input, select, textarea");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      search.focus();
    } else if (event.key === "Escape" && event.target === search && search.value) {
      resetFilter({ ...filter, text: "" });
    }
  });
}

// Sets every filter anew, and the fields with them.
function resetFilter(changes) {
  Object.assign(filter, { text: "", severities: new Set(), streams: new Set(), direction: "", rule: "", from: null, until: null, order: "severity" }, changes);
  refresh();
}

function showFilter() {
  const set = (id, value) => { if (byId(id).value !== value) byId(id).value = value; };
  if (document.activeElement !== byId("search") || byId("search").value.trim() !== filter.text.trim()) set("search", filter.text);
  for (const [key, words] of [["severities", SEVERITIES], ["streams", STREAMS]])
    for (const word of words) if (byId(`${key}-${word}`)) byId(`${key}-${word}`).checked = filter[key].has(word);
  for (const key of ["direction", "rule", "order"]) set(key, filter[key]);
  for (const key of ["from", "until"]) set(key, filter[key] === null ? "" : minute(filter[key]).replace(" ", "T"));
}

function fill() {
  showFilter();
  list.replaceChildren();
  made = 0;
  status.textContent = shown.length === findings.length
    ? `${counted(findings.length, "finding")}`
    : `${number(shown.length)} of ${counted(findings.length, "finding")}`;
  addRows(CHUNK);
}

function addRows(count) {
  const rows = shown.slice(made, made + count).map(rowOf);
  made += rows.length;
  list.append(...rows);
  more.hidden = made >= shown.length;
  more.textContent = `Show more (${number(shown.length - made)} left)`;
}

function rowOf(finding) {
  const details = el("details", { class: "finding" },
    el("summary", {},
      chip(finding.severity),
      el("span", { class: "title" }, finding.title),
      el("span", { class: "what" }, el("bdi", {}, shortened(finding.who, 80)), finding.target ? [" → ", el("bdi", {}, shortened(shortId(finding.target), 110))] : null),
      el("span", { class: "when" }, `${second(finding.last)} · ${counted(finding.events, "event")}`)));
  details.addEventListener("toggle", () => { if (details.open) openUp(details, finding); });
  return el("li", { class: `row ${finding.severity}` }, details);
}

function openUp(details, finding) {
  if (details.childElementCount > 1) return;
  const { raw } = finding;
  const actor = said(raw.actor);
  const leftOut = new Map(raw.left_out);
  const fact = (term, ...values) => (values.flat().some(Boolean) ? [el("dt", {}, term), el("dd", {}, values)] : null);
  const id = (text) => (text ? el("code", {}, text) : null);
  const facts = el("dl", { class: "details" },
    fact("Who", said(raw.name) ? [el("bdi", {}, said(raw.name)), " "] : null, id(said(raw.id))),
    fact("Kind", `${raw.kind}, ${STREAM_WORDS[raw.stream]}, confidence ${raw.confidence.toFixed(2)}`),
    fact("Done by", actor !== said(raw.id) ? id(actor) : null),
    fact("Workspace", id(said(raw.workspace))),
    fact("On", id(said(raw.target) || said(raw.target_name))),
    fact("When", `${span(raw.first, raw.last)} UTC, ${counted(raw.events, "event")}`),
    raw.details.map(([column, values]) => fact(said(column).replaceAll("_", " "), values.map((value, at) => [at ? ", " : "", id(said(value))]), said(leftOut.get(column) ?? null))),
    fact("ATT&CK", raw.attack.map(said).join(", ").replaceAll("|", " or ")),
    fact("Rule", id(finding.rule)),
    fact("Fingerprint", id(said(raw.fingerprint))));
  const evidence = raw.evidence.map(([uid, time, operation, object, offset, length]) => el("tr", {},
    el("td", { class: "when-cell" }, second(time)), el("td", { class: "wide" }, said(operation)),
    el("td", { class: "wide" }, el("code", {}, said(object)), ` at byte ${number(offset)}, ${counted(length, "byte")}; event `, el("code", {}, said(uid)))));
  const rest = raw.events - raw.evidence.length;
  details.append(el("div", { class: "body" }, facts,
    el("div", {}, table(rest > 0 ? `Evidence: the first ${raw.evidence.length} of ${counted(raw.events, "event")}` : "Evidence", ["Time (UTC)", "Operation", "Where it was read"], evidence)),
    proseOf(finding)));
}

function proseOf(finding) {
  const rule = rules.get(finding.rule);
  if (!rule) return null;
  return el("div", { class: "prose" },
    rule.prose.map(([heading, text]) => [el("h4", {}, heading), text.split("\n\n").map((paragraph) => el("p", {}, paragraph.replaceAll("`", "")))]),
    rule.references.length ? [el("h4", {}, "Read on"), el("ul", {}, rule.references.map((url) => el("li", {}, url)))] : null);
}

// What is printed is what is filtered: rows are opened, as many as paper bears.
let closedAfterPrint = [];
addEventListener("beforeprint", () => {
  addRows(shown.length);
  const told = new Set();
  const closed = (kind) => [...document.querySelectorAll(`details.${kind}:not([open])`)];
  closedAfterPrint = [...closed("workspace"), ...closed("finding").slice(0, PRINTED_OPEN)];
  for (const one of closedAfterPrint) one.open = true;
  // The prose of a rule is printed once, with its first finding.
  [...list.children].slice(0, PRINTED_OPEN).forEach((row, at) => {
    const details = row.firstChild;
    if (!details.open) return;
    openUp(details, shown[at]);
    const prose = details.querySelector(".prose");
    if (prose) prose.classList.toggle("again", told.has(shown[at].rule));
    told.add(shown[at].rule);
  });
});
addEventListener("afterprint", () => {
  for (const one of closedAfterPrint) one.open = false;
});

const THEMES = { auto: "Theme: automatic", light: "Theme: light", dark: "Theme: dark" };
function themeSwitch() {
  const button = byId("theme");
  // A page opened from a disk may have no storage.
  const store = (value) => { try { if (value) localStorage.setItem("airside-theme", value); return localStorage.getItem("airside-theme"); } catch { return value; } };
  const set = (theme) => {
    const known = THEMES[theme] ? theme : "auto";
    document.documentElement.dataset.theme = known;
    button.textContent = THEMES[known];
  };
  set(store());
  button.addEventListener("click", () => {
    const names = Object.keys(THEMES);
    const next = names[(names.indexOf(document.documentElement.dataset.theme) + 1) % names.length];
    store(next);
    set(next);
  });
}

themeSwitch();
lede();
summary(byId("summary-body"));
findingsSection(byId("findings-body"));
timeline(byId("timeline-body"));
refresh();
identities(byId("identities-body"));
graph(byId("resources-body"));
coverage(byId("coverage-body"));
document.documentElement.dataset.ready = "yes";
