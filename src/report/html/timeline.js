// Events of both streams over time, and the findings among them.

function timeline(place) {
  const { spans, span_seconds: seconds } = data.activity;
  if (!period) {
    place.append(el("p", {}, "No event has a time to draw."));
    return;
  }
  const width = seconds * 1e6;
  const lanes = ["dbmi", "adac"].map((stream) => {
    const events = spans.filter((one) => one.stream === stream).map((one) => ({ time: micros(one.time), events: one.events }));
    const found = d3.rollups(
      findings.filter((one) => one.stream === stream),
      (group) => ({
        count: group.length,
        worst: d3.min(group, (one) => rank.get(one.severity)),
        titles: [...new Set(group.map((one) => one.title))],
      }),
      (one) => Math.floor(one.first / width) * width,
    );
    return { stream, events, found };
  });
  const [first, last] = [period[0] - width, period[1] + width];
  const holder = el("div", { class: "chart", id: "timeline-chart" });
  place.append(holder);
  const draw = () => drawTimeline(holder, lanes, [first, last], width);
  new ResizeObserver(() => draw()).observe(holder);
  draw();
  place.append(timelineTable(lanes));
}

// A day where one begins, else the time of day.
const tick = (date) => (+d3.utcDay(date) === +date ? d3.utcFormat("%-d %b")(date) : d3.utcFormat("%H:%M")(date));
const LANE = { events: 84, found: 34, gap: 18, left: 62, right: 12, top: 8, axis: 26 };

function drawTimeline(holder, lanes, [first, last], width) {
  const wide = Math.max(holder.clientWidth, 280);
  if (holder.dataset.wide === String(wide)) return;
  holder.dataset.wide = wide;
  holder.replaceChildren();
  const one = LANE.events + LANE.found + LANE.gap;
  const high = LANE.top + lanes.length * one + LANE.axis;
  const x = d3.scaleUtc([new Date(first / 1000), new Date(last / 1000)], [LANE.left, wide - LANE.right]);
  const at = (micro) => x(new Date(micro / 1000));
  const svg = d3.select(holder).append("svg").attr("viewBox", `0 0 ${wide} ${high}`).attr("width", wide).attr("height", high).attr("role", "group")
    .attr("aria-label", lanes.map((lane) => `${STREAM_WORDS[lane.stream]}: ${counted(d3.sum(lane.events, (bar) => bar.events), "event")}, ${counted(d3.sum(lane.found, ([, found]) => found.count), "finding")}`).join("; "));
  svg.append("g").attr("class", "grid").selectAll("line").data(x.ticks(wide / 110)).join("line")
    .attr("x1", x).attr("x2", x).attr("y1", LANE.top).attr("y2", high - LANE.axis);
  lanes.forEach((lane, index) => drawLane(svg, lane, LANE.top + index * one, { at, width, wide }));
  svg.append("g").attr("class", "axis").attr("transform", `translate(0,${high - LANE.axis})`)
    .call(d3.axisBottom(x).ticks(wide / 110).tickFormat(tick).tickSizeOuter(0));
  const brush = d3.brushX().extent([[LANE.left, LANE.top], [wide - LANE.right, high - LANE.axis]])
    .on("end", (event) => {
      if (!event.sourceEvent) return;
      const [from, until] = event.selection ? event.selection.map((edge) => x.invert(edge).getTime() * 1000) : [null, null];
      change({ from, until });
    });
  const area = svg.append("g").attr("class", "brush").call(brush);
  listeners.push(() => {
    if (!area.node().isConnected) return;
    const { from, until } = filter;
    const edges = from === null && until === null ? null
      : [from === null ? LANE.left : at(from), until === null ? wide - LANE.right : at(until)];
    area.call(brush.move, edges && edges[1] > edges[0] ? edges : null);
  });
}

function drawLane(svg, lane, top, { at, width, wide }) {
  const base = top + LANE.events;
  const y = d3.scaleSqrt([0, d3.max(lane.events, (bar) => bar.events) || 1], [0, LANE.events - 14]);
  const group = svg.append("g");
  group.append("text").attr("class", "lane").attr("x", 0).attr("y", base - 4).text(STREAM_WORDS[lane.stream]);
  group.append("text").attr("class", "small").attr("x", 0).attr("y", base + 20).text("found");
  group.append("line").attr("class", "base").attr("x1", LANE.left).attr("x2", wide - LANE.right).attr("y1", base).attr("y2", base);
  group.append("text").attr("class", "small").attr("x", LANE.left - 6).attr("y", base - LANE.events + 20)
    .attr("text-anchor", "end").text(number(d3.max(lane.events, (bar) => bar.events) || 0));
  group.selectAll("rect").data(lane.events).join("rect").attr("class", `bar ${lane.stream}`)
    .attr("x", (bar) => at(bar.time)).attr("width", (bar) => Math.max(at(bar.time + width) - at(bar.time) - 0.5, 1))
    .attr("y", (bar) => base - y(bar.events)).attr("height", (bar) => y(bar.events))
    .append("title").text((bar) => `${minute(bar.time)}: ${counted(bar.events, "event")}`);
  const r = d3.scaleSqrt([1, Math.max(2, d3.max(lane.found, ([, found]) => found.count) || 2)], [5, 12]);
  const words = ([time, found]) => [`${minute(time)}: ${counted(found.count, "finding")}`, ...found.titles.slice(0, 8).map(visible)].join("\n");
  const dots = group.selectAll("circle").data(lane.found.sort((a, b) => b[1].count - a[1].count)).join("circle")
    .attr("class", ([, found]) => `dot ${SEVERITIES[found.worst]}`)
    .attr("cx", ([time]) => at(time + width / 2)).attr("cy", base + 16).attr("r", ([, found]) => r(found.count))
    .attr("role", "button").attr("aria-label", words);
  dots.append("title").text(words);
  steer(dots.nodes().sort((a, b) => d3.ascending(d3.select(a).datum()[0], d3.select(b).datum()[0])), width);
}

// One stop of the Tab key a lane: arrows go from dot to dot, Enter asks for the findings of one.
function steer(nodes, width) {
  const go = (from, to) => {
    if (!nodes[to]) return;
    if (from !== null) nodes[from].setAttribute("tabindex", -1);
    nodes[to].setAttribute("tabindex", 0);
    if (from !== null) nodes[to].focus();
  };
  const ends = { Home: 0, End: nodes.length - 1 };
  nodes.forEach((node, index) => {
    node.setAttribute("tabindex", -1);
    d3.select(node).on("keydown", (event, [time]) => {
      const to = { ArrowLeft: index - 1, ArrowRight: index + 1, ...ends }[event.key];
      if (event.key === "Enter" || event.key === " ") change({ from: time, until: time + width });
      else if (to === undefined) return;
      else go(index, to);
      event.preventDefault();
    });
  });
  go(null, 0);
}

// The chart as a table, by day, for those who do not see it.
function timelineTable(lanes) {
  const day = (micro) => minute(micro).slice(0, 10);
  const days = new Map();
  lanes.forEach((lane, index) => {
    const of = (time) => {
      if (!days.has(day(time))) days.set(day(time), [0, 0, 0, 0]);
      return days.get(day(time));
    };
    for (const bar of lane.events) of(bar.time)[index * 2] += bar.events;
    for (const [time, found] of lane.found) of(time)[index * 2 + 1] += found.count;
  });
  const rows = [...days].sort().map(([name, counts]) =>
    el("tr", {}, el("th", { scope: "row" }, name), counts.map((count) => el("td", { class: "n" }, number(count)))));
  return el("details", { class: "aside" }, el("summary", {}, "The same as a table, by day"),
    table("Events and findings by day (UTC)", ["Day", "DBMI events", "DBMI findings", "ADAC events", "ADAC findings"], rows));
}
