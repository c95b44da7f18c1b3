// Text and elements. Everything from a log goes through `visible` and becomes a text node.

// Characters that cannot be seen, or turn the text around them: shown as escapes.
const UNSAFE =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u070f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff]|\ud80d[\udc30-\udc40]|\ud82f[\udca0-\udca3]|\ud834[\udd73-\udd7a]|[\udb40-\udb43][\udc00-\udfff]/g;

const visible = (text) =>
  String(text).replace(UNSAFE, (found) => `\\u{${found.codePointAt(0).toString(16)}}`);

// An element. Attributes whose value is null are left out; children are elements or text.
function el(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "on") for (const [event, handler] of Object.entries(value)) made.addEventListener(event, handler);
    else made.setAttribute(key, value === true ? "" : visible(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined) continue;
    made.append(child instanceof Node ? child : document.createTextNode(visible(child)));
  }
  return made;
}

const byId = (id) => document.getElementById(id);
const numbers = new Intl.NumberFormat("en-US");
const number = (count) => numbers.format(count);
const counted = (count, noun, plural) => `${number(count)} ${count === 1 ? noun : plural || `${noun}s`}`;

function bytes(count) {
  for (const [unit, name] of [[1e12, "TB"], [1e9, "GB"], [1e6, "MB"], [1e3, "kB"]])
    if (count >= unit) return `${(Math.floor(count / (unit / 10)) / 10).toFixed(1)} ${name}`;
  return counted(count, "byte");
}

// Times are microseconds, in UTC. `2026-05-04 10:15:30`.
const minute = (micros) => new Date(micros / 1000).toISOString().slice(0, 16).replace("T", " ");
const second = (micros) => new Date(micros / 1000).toISOString().slice(0, 19).replace("T", " ");
const span = (first, last) => {
  const [from, to] = [second(first), second(last)];
  if (from === to) return from;
  return from.slice(0, 10) === to.slice(0, 10) ? `${from} to ${to.slice(11)}` : `${from} to ${to}`;
};
// The spelling of the data: RFC 3339.
const micros = (text) => (text ? Date.parse(text) * 1000 : null);

// What tells one ARM id from another: `stlake/reports · containers · rg-lake`.
function shortId(id) {
  const found = /^\/subscriptions\/[^/]+\/resourcegroups\/([^/]+)(?:\/providers\/[^/]+\/(.+))?$/i.exec(id);
  if (!found) return id;
  if (!found[2]) return `${found[1]} · resource group`;
  const pairs = d3.pairs(found[2].replace(/\/providers\/[^/]+/gi, "").split("/")).filter((_, at) => at % 2 === 0).filter(([, name]) => name !== "default");
  return pairs.length ? `${pairs.map(([, name]) => name).join("/")} · ${pairs.at(-1)[0]} · ${found[1]}` : id;
}
const lastOf = (id) => (id ? id.split("/").pop() : id);
const shortened = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

const SEVERITIES = ["critical", "high", "medium", "low", "informational"];
const STREAMS = ["dbmi", "adac", "other", "unattributed"];
const STREAM_WORDS = { dbmi: "DBMI", adac: "ADAC", other: "other", unattributed: "unattributed" };
const DIRECTIONS = {
  "infra-doing-data": "Infrastructure identity touches data",
  "data-doing-infra": "Data identity touches infrastructure",
  governance: "Grants, scopes and ways around the model",
  "identity-misuse": "Identity objects and their behaviour",
};
const NUMERIC = /^(critical|high|medium|low|info|records|.*events|.*findings)$/i;
const chip = (severity) => el("span", { class: `chip ${severity}` }, severity);
const table = (caption, head, rows, attributes) =>
  el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    el("table", attributes || {},
      el("caption", {}, caption),
      el("thead", {}, el("tr", {}, head.map((cell) => el("th", { scope: "col", class: NUMERIC.test(cell) ? "n" : null }, cell)))),
      el("tbody", {}, rows)));
