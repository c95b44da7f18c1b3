// The data of the page, and which findings are shown.

const data = JSON.parse(byId("data").textContent);
const strings = data.strings;
const said = (place) => (place === null ? null : strings[place]);

const rules = new Map(data.rules.map((rule) => [rule.id, rule]));
const rank = new Map(SEVERITIES.map((severity, index) => [severity, index]));

const findings = data.findings.map((raw, index) => ({
  index,
  raw,
  rule: said(raw.rule),
  title: said(raw.title),
  severity: raw.severity,
  direction: raw.direction,
  stream: raw.stream,
  first: raw.first,
  last: raw.last,
  events: raw.events,
  who: said(raw.name) || said(raw.id) || "not in the records",
  target: said(raw.target) || said(raw.target_name),
  haystack: null,
}));

// All text of a finding in lower case, made when somebody searches.
function haystack(finding) {
  if (finding.haystack === null) {
    const { raw } = finding;
    const places = [raw.rule, raw.title, raw.id, raw.name, raw.actor, raw.workspace, raw.target, raw.target_name,
      raw.fingerprint, ...raw.attack];
    for (const [column, values] of raw.details) places.push(column, ...values);
    for (const [uid, , operation, object] of raw.evidence) places.push(uid, operation, object);
    const texts = places.filter((place) => place !== null).map((place) => strings[place]);
    finding.haystack = [...texts, raw.severity, raw.direction, raw.stream, raw.kind].join("\n").toLowerCase();
  }
  return finding.haystack;
}

const ORDERS = {
  severity: (a, b) => rank.get(a.severity) - rank.get(b.severity) || a.index - b.index,
  newest: (a, b) => b.last - a.last || a.index - b.index,
  oldest: (a, b) => a.first - b.first || a.index - b.index,
  events: (a, b) => b.events - a.events || a.index - b.index,
};

const filter = {
  text: "",
  severities: new Set(),
  streams: new Set(),
  direction: "",
  rule: "",
  from: null,
  until: null,
  order: "severity",
};
const listeners = [];

// Whether a finding is shown. Words of the search all have to occur.
function matches(finding, words) {
  if (filter.severities.size && !filter.severities.has(finding.severity)) return false;
  if (filter.streams.size && !filter.streams.has(finding.stream)) return false;
  if (filter.direction && filter.direction !== finding.direction) return false;
  if (filter.rule && filter.rule !== finding.rule) return false;
  if (filter.from !== null && finding.last < filter.from) return false;
  if (filter.until !== null && finding.first >= filter.until) return false;
  return words.every((word) => haystack(finding).includes(word));
}

let shown = [];
function refresh() {
  const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean);
  shown = findings.filter((finding) => matches(finding, words)).sort(ORDERS[filter.order]);
  for (const listener of listeners) listener();
}
function change(changes) {
  Object.assign(filter, changes);
  refresh();
}

const countBy = (rows, key) => d3.rollup(rows, (group) => group.length, key);
const times = Object.values(data.coverage.sources).flatMap((source) => [source.first, source.last]).filter(Boolean).map(micros);
const period = times.length ? [Math.min(...times), Math.max(...times)] : null;
