// Summary, identities and coverage.

function lede() {
  const parts = [`Read from ${data.inputs.join(", ")}`];
  if (period) parts.push(`${minute(period[0])} to ${minute(period[1])} UTC`);
  byId("lede").textContent = visible(parts.join(" · "));
  byId("colophon").textContent = visible(
    `Written by Airside ${data.version}. This file fetches nothing and sends nothing. Times are UTC. Charts: D3, © Mike Bostock, ISC licence.`);
}

function summary(place) {
  const bySeverity = countBy(findings, (one) => one.severity);
  place.append(el("p", { class: "headline" }, findings.length
    ? `${counted(findings.length, "finding")} by ${counted(new Set(findings.map((one) => one.rule)).size, "rule")}.`
    : "Nothing was found."));
  if (data.hidden_by_severity)
    place.append(el("p", { class: "note" }, `${counted(data.hidden_by_severity, "milder finding")} left out by --min-severity.`));
  place.append(el("ul", { class: "tiles", "aria-label": "Findings by severity" }, SEVERITIES.map((severity) =>
    el("li", {}, el("button", {
      type: "button", class: `tile ${severity}`,
      on: { click: () => { resetFilter({ severities: new Set([severity]) }); byId("findings").scrollIntoView(); } },
    }, el("span", { class: "count" }, number(bySeverity.get(severity) || 0)), el("span", { class: "word" }, severity))))));
  const { coverage } = data;
  const kinds = countBy(data.identities, (one) => one.stream);
  const facts = [
    [counted(coverage.records.events, "event"), `in ${counted(coverage.objects.read, "object")}, ${bytes(coverage.bytes)}`],
    [counted(kinds.get("dbmi") || 0, "DBMI identity", "DBMI identities"), "the workspaces' own"],
    [counted(kinds.get("adac") || 0, "ADAC identity", "ADAC identities"), "of access connectors"],
    [counted(coverage.rules.run.length, "rule"), `run; ${number(coverage.rules.not_evaluable.length)} could not be evaluated`],
  ];
  place.append(el("dl", { class: "facts" }, facts.map(([what, more]) => el("div", {}, el("dt", {}, what), el("dd", {}, more)))));
  if (findings.length) place.append(el("div", { class: "pair" }, directions(), worstRules()));
}

function directions() {
  const counts = d3.rollup(findings, (group) => group.length, (one) => one.direction, (one) => one.severity);
  const rows = Object.entries(DIRECTIONS).filter(([direction]) => counts.has(direction)).map(([direction, says]) =>
    el("tr", {}, el("th", { scope: "row" }, says), SEVERITIES.map((severity) => {
      const count = counts.get(direction).get(severity) || 0;
      return el("td", { class: count ? `n s-${severity}` : "n none" }, count ? number(count) : "–");
    })));
  return table("What it is about", ["", ...SEVERITIES.map((word) => (word === "informational" ? "info" : word))], rows);
}

function worstRules() {
  const groups = d3.rollups(findings, (group) => ({
    count: group.length, worst: d3.min(group, (one) => rank.get(one.severity)), title: group[0].title,
  }), (one) => one.rule).sort((a, b) => a[1].worst - b[1].worst || b[1].count - a[1].count).slice(0, 8);
  return el("div", { class: "first" }, el("h3", {}, "What to look at first"), el("ol", { class: "worst" }, groups.map(([rule, group]) =>
    el("li", {}, chip(SEVERITIES[group.worst]), el("button", {
      type: "button", class: "link", on: { click: () => { resetFilter({ rule }); byId("findings").scrollIntoView(); } },
    }, group.title), el("span", { class: "times" }, `×${number(group.count)}`)))));
}

const STATES = { nothing: "nothing", not_known: "not known" };

// A cell of the matrix: a count, or why there is none.
function cellOf(cell) {
  const others = [[cell.failed, "failed"], [cell.unclear, "unclear"]].filter(([tally]) => tally.events).map(([tally, word]) => `${number(tally.events)} ${word}`);
  if (cell.tokens.events) others.push(counted(cell.tokens.events, "token"));
  if (STATES[cell.state]) return el("td", { class: "none" }, STATES[cell.state]);
  const text = `${number(cell.done.events)}${others.length ? ` (${others.join(", ")})` : ""}`;
  return cell.is_own_job ? el("td", {}, text) : el("td", { class: "wrong" }, el("span", { class: "mark", role: "img", "aria-label": "not its job:" }, "!"), ` ${text}`);
}

function identities(place) {
  const { matrix } = data;
  place.append(el("p", { class: "note" }, el("span", { class: "mark", "aria-hidden": "true" }, "!"),
    " marks what is not that identity's job. Nothing is said only where the logs that would show it were read; everything else is not known. ", matrix.caveat));
  if (!matrix.workspaces.length) place.append(el("p", {}, "No workspace and no identity of one is known."));
  matrix.workspaces.forEach((workspace, index) => place.append(workspaceOf(workspace, matrix.workspaces.length <= 12 || index < 3)));
}

function workspaceOf(workspace, isOpen) {
  const name = workspace.workspace_rid ? `Workspace ${lastOf(workspace.workspace_rid)}` : "Identities of no one workspace";
  const says = new Map(data.matrix.duties.map((duty) => [duty.word, duty]));
  const rows = workspace.dbmi.duties.map((dbmi, at) => [says.get(dbmi.duty), dbmi, workspace.adac.duties[at]])
    .filter(([duty, dbmi, adac]) => duty && (duty.whose !== "anyone" || dbmi.done.events || adac.done.events))
    .map(([duty, dbmi, adac]) => el("tr", {}, el("th", { scope: "row" }, duty.says), el("td", {}, duty.whose), cellOf(dbmi), cellOf(adac)));
  const sides = [["DBMI", workspace.dbmi], ["ADAC", workspace.adac]].flatMap(([word, side]) => side.identities.map((one) => holderOf(word, one, says)));
  return el("details", { class: "workspace", open: isOpen }, el("summary", {}, el("h3", {}, name)),
    workspace.workspace_rid ? el("p", { class: "id" }, workspace.workspace_rid) : null,
    table(`${name}: who should do what, and who did`, ["Duty", "Whose", "DBMI", "ADAC"], rows),
    el("div", { class: "holders" }, sides));
}

const ACTIONS = { remove: "remove", narrow: "narrow", keep: "keep", not_known: "not known" };
const BECAUSE = {
  others_job: "it is for the other identity's work",
  never_used: "not used while the log that shows its use was read",
  less_would_do: "less would have done for all that was seen",
  used: "it was used, and nothing narrower is known",
  log_not_read: "the log that shows its use was not read for its scope",
  given_later: "given after the last event that was read of that log",
  not_judged: "no log that is read here shows its use, or what it allows is not known",
};
const roleAt = (at) => `${at.role || (at.role_id ? `role ${at.role_id}` : "a role that the logs do not name")} on ${at.scope ? shortId(at.scope) : "a scope that the logs do not name"}`;

function holderOf(word, one, says) {
  const did = one.duties.map((cell) => {
    const times = [cell.done, cell.failed, cell.unclear, cell.tokens].filter((tally) => tally.events);
    const counts = [[cell.done, "done"], [cell.failed, "failed"], [cell.unclear, "unclear"], [cell.tokens, "tokens"]]
      .filter(([tally]) => tally.events).map(([tally, says]) => `${number(tally.events)} ${says}`).join(", ");
    const when = times.length ? `, ${span(d3.min(times, (tally) => micros(tally.first.time)), d3.max(times, (tally) => micros(tally.last.time)))}` : "";
    return el("li", { class: cell.is_own_job ? null : "wrong" }, cell.is_own_job ? null : el("span", { class: "mark", role: "img", "aria-label": "not its job:" }, "!"),
      `${(says.get(cell.duty) || { says: cell.duty }).says}: ${counts}${when}`);
  });
  const roles = one.roles.map((role) => el("li", {}, `${roleAt(role)}: `, el("strong", {}, ACTIONS[role.proposal.action] || role.proposal.action),
    `, ${BECAUSE[role.proposal.because] || role.proposal.because}`,
    role.proposal.instead && role.proposal.instead.length ? `; instead ${role.proposal.instead.map(roleAt).join(", ")}` : ""));
  return el("article", { class: `holder ${word.toLowerCase()}` },
    el("h4", {}, el("span", { class: "stream" }, word), " ", one.name || one.principal_id || one.app_id || "without an id"),
    el("p", { class: "id" }, one.principal_id || one.app_id || "", ` · ${one.identity_kind} · confidence ${one.confidence.toFixed(2)}`),
    did.length ? el("ul", {}, did) : el("p", { class: "note" }, "Did nothing that was read."),
    roles.length ? [el("h5", {}, "Roles"), el("ul", {}, roles)] : null);
}

function coverage(place) {
  const { coverage } = data;
  const { records, objects } = coverage;
  place.append(el("p", {}, `${counted(objects.read, "object")} read, ${number(objects.failed)} failed, ${bytes(coverage.bytes)}. ${counted(records.read, "record")} = ${counted(records.events, "event")} + ${counted(records.duplicates, "duplicate")} + ${number(records.skipped)} skipped + ${number(records.rejected)} rejected.`));
  const sources = Object.entries(coverage.sources).map(([source, seen]) => el("tr", {}, el("th", { scope: "row" }, source), el("td", { class: "n" }, number(seen.events)),
    el("td", {}, seen.first ? second(micros(seen.first)) : "–"), el("td", {}, seen.last ? second(micros(seen.last)) : "–")));
  const counts = (caption, values) => {
    const rows = Object.entries(values).sort((a, b) => b[1] - a[1]);
    return rows.length ? table(caption, ["What", "Records"], rows.map(([what, count]) => el("tr", {}, el("th", { scope: "row" }, what), el("td", { class: "n" }, number(count))))) : null;
  };
  place.append(el("div", { class: "pair" }, table("Events by log", ["Log", "Events", "First (UTC)", "Last (UTC)"], sources),
    el("div", {}, counts("Skipped", coverage.skipped), counts("Rejected", coverage.rejected))));
  const lines = (heading, rows) => (rows.length ? [el("h3", {}, heading), el("ul", {}, rows.map((row) => el("li", {}, row)))] : null);
  const grouped = (rows) => [...d3.group(rows, (row) => row.reason)].map(([reason, group]) => [`${reason}: `, group.map((row) => row.rule).join(", ")]);
  for (const part of [
    lines("Not evaluable", grouped(coverage.rules.not_evaluable)),
    lines("Evaluated in part only", grouped(coverage.rules.partial)),
    lines("Objects that could not be read", coverage.failed.map((failed) => failed.reason)),
    lines("Exceptions", exceptionLines(coverage.exceptions)),
    lines("Findings left out", coverage.rules.capped.map((capped) => `${capped.rule}: ${capped.is_at_least ? "at least " : ""}${counted(capped.findings_left_out, "finding")}, ${capped.severity} at worst`)),
    lines("Gaps in time", gapLines(coverage.gaps)),
    lines("Clocks that cannot be right", clockLines(coverage.clock_skew)),
    lines("Categories that are logged and were never seen", silentLines(coverage.silent_categories)),
  ]) if (part) place.append(...part);
  place.append(el("details", { class: "aside" }, el("summary", {}, `The ${counted(coverage.rules.run.length, "rule")} that ran`), el("p", {}, coverage.rules.run.join(", "))));
}

function exceptionLines(exceptions) {
  const lines = [];
  if (exceptions.hidden_events) lines.push(`hid ${counted(exceptions.hidden_events, "event")}, ${counted(exceptions.hidden_findings, "whole finding")}`);
  return lines.concat(exceptions.unused.map((row) => `unused: ${row}`));
}

const andMore = (list) => (list.left_out ? [`and ${number(list.left_out)} more`] : []);

function gapLines(gaps) {
  if (!gaps) return [];
  const lines = gaps.found.map((gap) => {
    const when = `${minute(micros(gap.from))} to ${minute(micros(gap.until))} UTC`;
    if (gap.kind === "tokens_without_use")
      return `${gap.principal_id || "an identity without an id"} was given ${counted(gap.tokens, "token")} for ${gap.source}, and no record of it says what for, ${when}`;
    const place = gap.subscription ? ` of subscription ${gap.subscription}` : "";
    return `${gap.source}${place} ${gap.kind === "stopped" ? "ends: nothing" : "has nothing"} from ${when}, ${counted(gap.hours, "hour")}, ${number(gap.busy_hours)} of them busy otherwise`;
  });
  if (gaps.not_judged) lines.push(`not looked for in ${counted(gaps.not_judged, "log")} of single subscriptions: there are too many`);
  return lines.concat(andMore(gaps));
}

function clockLines(skew) {
  const kinds = [
    ["after_run", "later than this run"],
    ["after_hour", "later than the hour of the archive that it lies in"],
    ["before_hour", "more than two days before the hour of the archive that it lies in"],
  ];
  return kinds.filter(([kind]) => skew[kind]).map(([kind, says]) => {
    const first = skew.examples.find((example) => example.skew === kind);
    return `${counted(skew[kind], "record")} dated ${says}${first ? `; ${second(micros(first.time))} at ${first.object}:${first.offset}` : ""}`;
  });
}

function silentLines(silent) {
  if (!silent) return [];
  return silent.found.map((one) => `${one.category} of ${one.resource}, logged by its diagnostic setting since ${minute(micros(one.since))}, is in no log`).concat(andMore(silent));
}
