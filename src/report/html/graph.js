// Who touched which resources: identities on the left, resources on the right.

const MOST = { identities: 14, resources: 26 };

function graph(place) {
  const links = touched();
  if (!links.length) {
    place.append(el("p", {}, "No identity of the two kinds touched a resource."));
    return;
  }
  const { left, right, kept } = nodes(links);
  const hidden = links.length - kept.length + data.activity.touches_left_out;
  place.append(el("p", { class: "note" },
    "Lines grow with the number of events; those of a finding have the colour of its severity. Choose a name to see its findings.",
    hidden ? ` ${counted(hidden, "further connection")} of the busiest left out.` : ""));
  const holder = el("div", { class: "scroll chart", tabindex: "0", role: "region", "aria-label": "Graph of identities and resources" });
  place.append(holder);
  const draw = () => {
    const isNarrow = String(holder.clientWidth < 700);
    if (holder.dataset.narrow === isNarrow) return;
    holder.dataset.narrow = isNarrow;
    holder.replaceChildren();
    drawGraph(holder, left, right, kept);
  };
  new ResizeObserver(draw).observe(holder);
  draw();
  place.append(graphTable(links));
}

// Pairs of identity and resource with their events and findings, the worst and busiest first.
function touched() {
  const names = new Map(data.identities.filter((one) => one.principal_id && one.name).map((one) => [one.principal_id, one.name]));
  const links = new Map();
  const link = (id, name, stream, target) => {
    const key = JSON.stringify([id || name, target]);
    if (!links.has(key)) links.set(key, { id: id || name, who: name || id, stream, target, events: 0, found: 0, worst: SEVERITIES.length });
    return links.get(key);
  };
  for (const one of data.activity.touches) {
    if (one.principal_id) link(one.principal_id, names.get(one.principal_id), one.stream, one.target).events += one.events;
  }
  for (const one of findings) {
    if (!one.target || !["dbmi", "adac"].includes(one.stream)) continue;
    const of = link(said(one.raw.id), said(one.raw.name) || names.get(said(one.raw.id)), one.stream, one.target);
    of.events = Math.max(of.events, one.events);
    of.found += 1;
    of.worst = Math.min(of.worst, rank.get(one.severity));
  }
  return [...links.values()].sort((a, b) => a.worst - b.worst || b.found - a.found || b.events - a.events);
}

function nodes(links) {
  const take = (key, most) => [...new Set(links.map((one) => one[key]))].slice(0, most);
  const [ids, targets] = [take("id", MOST.identities), take("target", MOST.resources)];
  const kept = links.filter((one) => ids.includes(one.id) && targets.includes(one.target));
  const left = ids.map((id) => kept.find((one) => one.id === id)).filter(Boolean).sort((a, b) => d3.descending(a.stream, b.stream));
  const order = new Map(left.map((one, index) => [one.id, index]));
  const middle = (target) => d3.mean(kept.filter((one) => one.target === target), (one) => order.get(one.id));
  const right = targets.filter((target) => kept.some((one) => one.target === target)).sort((a, b) => middle(a) - middle(b) || d3.ascending(a, b));
  return { left, right, kept };
}

function drawGraph(holder, left, right, kept) {
  // On a phone the names come closer; the rest is scrolled to.
  const narrow = holder.clientWidth < 700;
  const row = 26, top = 14, [a, b, wide] = narrow ? [165, 275, 720] : [250, 660, 1136];
  const high = top * 2 + Math.max(left.length, right.length) * row;
  const y = (count) => d3.scalePoint(d3.range(count), [top + row / 2, high - top - row / 2]).padding(count < 3 ? 1 : 0);
  const [yl, yr] = [y(left.length), y(right.length)];
  const leftAt = new Map(left.map((one, index) => [one.id, yl(index)]));
  const rightAt = new Map(right.map((target, index) => [target, yr(index)]));
  const thick = d3.scaleLog([1, Math.max(2, d3.max(kept, (one) => one.events))], [1.5, 8]).clamp(true);
  const svg = d3.select(holder).append("svg").attr("viewBox", `0 0 ${wide} ${high}`).attr("width", wide).attr("height", high)
    .attr("class", "graph").attr("role", "group").attr("aria-label", `${counted(left.length, "identity", "identities")} and ${counted(right.length, "resource")}`);
  const path = d3.linkHorizontal();
  const lines = svg.append("g").attr("fill", "none").selectAll("path")
    .data(kept.slice().reverse()).join("path")
    .attr("class", (one) => `link ${one.found ? SEVERITIES[one.worst] : one.stream}`)
    .attr("d", (one) => path({ source: [a, leftAt.get(one.id)], target: [b, rightAt.get(one.target)] }))
    .attr("stroke-width", (one) => thick(Math.max(1, one.events)));
  lines.append("title").text((one) => visible(`${one.who} → ${shortId(one.target)}\n${counted(one.events, "event")}, ${counted(one.found, "finding")}`));
  const focusOn = (chosen) => lines.classed("dim", (one) => chosen !== null && !chosen(one));
  const node = (side, items, at, text, full, chosen, anchor, edge) => {
    const made = svg.append("g").selectAll("g").data(items).join("g").attr("class", "node").attr("tabindex", 0).attr("role", "button")
      .attr("aria-label", (one) => visible(`${full(one)}: show its findings`)).attr("transform", (one) => `translate(${edge},${at(one)})`)
      .on("mouseenter focus", (event, one) => focusOn(chosen(one))).on("mouseleave blur", () => focusOn(null))
      .on("click", (event, one) => lookFor(full(one))).on("keydown", (event, one) => {
        if (event.key === "Enter" || event.key === " ") { event.preventDefault(); lookFor(full(one)); }
      });
    made.append("circle").attr("r", 4).attr("class", side);
    made.append("text").attr("x", anchor === "end" ? -10 : 10).attr("dy", "0.35em").attr("text-anchor", anchor).text((one) => visible(text(one)));
    made.append("title").text((one) => visible(full(one)));
  };
  node("who", left, (one) => leftAt.get(one.id), (one) => (narrow ? shortened(one.who, 18) : `${shortened(one.who, 26)} (${STREAM_WORDS[one.stream]})`), (one) => one.id, (one) => (link) => link.id === one.id, "end", a);
  node("what", right, (one) => rightAt.get(one), (one) => shortened(shortId(one), 62), (one) => one, (one) => (link) => link.target === one, "start", b);
}

// Shows the findings about an identity or a resource.
function lookFor(text) {
  resetFilter({ text });
  byId("findings").scrollIntoView();
  byId("search").focus();
}

function graphTable(links) {
  const rows = links.slice(0, 200).map((one) => el("tr", {}, el("td", {}, one.who), el("td", {}, STREAM_WORDS[one.stream]),
    el("td", { class: "wide" }, el("span", { title: one.target }, shortId(one.target))), el("td", { class: "n" }, number(one.events)), el("td", { class: "n" }, number(one.found)),
    el("td", {}, one.found ? chip(SEVERITIES[one.worst]) : null)));
  const more = links.length > rows.length ? ` (the first ${rows.length} of ${number(links.length)})` : "";
  return el("details", { class: "aside" }, el("summary", {}, `The same as a table${more}`),
    table("Identities and the resources they touched", ["Identity", "Kind", "Resource", "Events", "Findings", "Worst"], rows));
}
