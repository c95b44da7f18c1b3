// Opens a report in Chromium and says what happened, as JSON on standard output.
//
// usage: report_html.mjs CHROMIUM PLAYWRIGHT REPORT PROFILE [SCREENSHOTS]
//
// PLAYWRIGHT is the folder of playwright-core, PROFILE an empty folder. SCREENSHOTS, where given, is
// a folder for pictures at the widths of a desktop and a phone, light and dark.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [chromium, playwright, report, profile, screenshots] = process.argv.slice(2);
const { chromium: browserType } = createRequire(import.meta.url)(playwright);

const context = await browserType.launchPersistentContext(profile, {
  executablePath: chromium,
  headless: true,
  viewport: { width: 1280, height: 900 },
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});
const said = { console: [], requests: [] };
const page = context.pages()[0] ?? (await context.newPage());
page.on("console", (message) => { if (["error", "warning"].includes(message.type())) said.console.push(message.text()); });
page.on("pageerror", (error) => said.console.push(String(error)));
page.on("dialog", (dialog) => { said.console.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
context.on("request", (request) => said.requests.push(request.url()));

const url = pathToFileURL(report).href;
const begun = performance.now();
await page.goto(url);
await page.waitForFunction(() => document.documentElement.dataset.ready === "yes", null, { timeout: 30000 }).catch(() => {});
said.opened_ms = Math.round(performance.now() - begun);
said.ready = await page.evaluate(() => document.documentElement.dataset.ready === "yes");
said.requests = said.requests.filter((one) => one !== url);

const status = () => page.locator("#status").textContent();
const rows = () => page.locator("#list > li").count();
const settled = () => page.waitForTimeout(250);

if (said.ready) {
  said.status = await status();
  said.rows = await rows();
  said.headings = await page.locator("h2").allTextContents();
  said.landmarks = await page.evaluate(() => ["header", "nav", "main", "footer", "[role=search]"].filter((name) => !document.querySelector(name)));
  said.unlabelled = await page.evaluate(() => [...document.querySelectorAll("input, select, button, [role=button]")]
    .filter((one) => !(one.labels?.length || one.textContent.trim() || one.getAttribute("aria-label"))).map((one) => one.outerHTML));
  said.elements = await page.evaluate(() => ({
    scripts: document.querySelectorAll("script").length, images: document.querySelectorAll("img, iframe, object, embed").length,
    circles: document.querySelectorAll("#timeline-chart circle").length, bars: document.querySelectorAll("#timeline-chart rect.bar").length,
    links: document.querySelectorAll("#resources-body path.link").length, wrong: document.querySelectorAll("#identities-body td.wrong").length,
  }));
  said.wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

  // By keyboard alone: search, choose a severity, open a finding, reset.
  await page.keyboard.press("/");
  said.focus_after_slash = await page.evaluate(() => document.activeElement.id);
  const first = page.locator("#list .finding .title").first();
  const word = (await first.count()) ? (await first.textContent()).split(" ").pop() : "x";
  await page.keyboard.type(word);
  await settled();
  said.search = { word, status: await status(), matching: await page.locator("#list > li").filter({ hasText: new RegExp(word, "i") }).count() };
  await page.keyboard.press("Escape");
  await settled();
  said.after_escape = await status();
  await page.keyboard.press("Tab");
  said.focus_after_tab = await page.evaluate(() => document.activeElement.id);
  await page.keyboard.press("Space");
  await settled();
  said.one_severity = { status: await status(), chips: await page.evaluate(() => [...new Set([...document.querySelectorAll("#list .chip")].map((one) => one.textContent))]) };
  await page.locator("#reset").focus();
  await page.keyboard.press("Enter");
  await settled();
  said.after_reset = await status();
  const dot = page.locator("#timeline-chart circle[tabindex='0']").first();
  if (await dot.count()) {
    const place = () => page.evaluate(() => Number(document.activeElement.getAttribute("cx")));
    await dot.focus();
    const before = await place();
    await page.keyboard.press("ArrowRight");
    said.dots = {
      stops: await page.locator("#timeline-chart circle[tabindex='0']").count(),
      moved: (await place()) > before,
      label: await page.evaluate(() => document.activeElement.getAttribute("aria-label")),
    };
    await page.keyboard.press("Enter");
    await settled();
    said.dots.titles = await page.locator("#list .finding .title").allTextContents();
    await page.locator("#reset").focus();
    await page.keyboard.press("Enter");
    await settled();
  }
  await page.locator("#list summary").first().focus();
  await page.keyboard.press("Enter");
  await page.waitForTimeout(100);
  said.opened = await page.evaluate(() => {
    const body = document.querySelector("#list .finding[open] .body");
    return body && { text: body.textContent, evidence: body.querySelectorAll("tbody tr").length, headings: [...body.querySelectorAll("h4")].map((one) => one.textContent) };
  });
  await page.locator("#theme").focus();
  await page.keyboard.press("Enter");
  await page.keyboard.press("Enter");
  said.dark = await page.evaluate(() => [document.documentElement.dataset.theme, getComputedStyle(document.body).backgroundColor]);
  await page.keyboard.press("Enter");

  // Every row, opened: hostile text had its chance everywhere.
  if (said.rows < 200) {
    await page.evaluate(async () => {
      for (const one of document.querySelectorAll("details")) one.open = true;
      await new Promise((resolve) => setTimeout(resolve, 200));
    });
  }
  said.text = await page.evaluate(() => document.body.innerText);
  said.after = await page.evaluate(() => ({ scripts: document.querySelectorAll("script").length, images: document.querySelectorAll("img, iframe, svg image").length, hacked: globalThis.hacked === true }));
  await page.emulateMedia({ media: "print" });
  said.printed = await page.evaluate(() => {
    dispatchEvent(new Event("beforeprint"));
    const visible = (selector) => [...document.querySelectorAll(selector)].filter((one) => one.checkVisibility()).length;
    return { open: visible("#list .finding[open] .body"), prose: visible("#list .prose"), closed_workspaces: visible(".workspace:not([open])") };
  });
  said.printed_filters = await page.locator(".filters").isVisible();
  await page.evaluate(() => dispatchEvent(new Event("afterprint")));
  await page.emulateMedia({ media: null });

  if (screenshots) {
    await page.reload();
    for (const [name, width, scheme] of [["desktop", 1280, "light"], ["desktop-dark", 1280, "dark"], ["phone", 390, "light"], ["phone-dark", 390, "dark"]]) {
      await page.setViewportSize({ width, height: 900 });
      await page.emulateMedia({ colorScheme: scheme });
      await page.waitForTimeout(400);
      await page.evaluate(() => { const one = document.querySelector("#list details"); if (one) one.open = true; });
      await page.waitForTimeout(200);
      await page.screenshot({ path: `${screenshots}/${name}.png`, fullPage: true });
      said[`wide_${name}`] = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    }
    await page.emulateMedia({ colorScheme: null });
    await page.setViewportSize({ width: 1280, height: 900 });
    await page.pdf({ path: `${screenshots}/printed.pdf`, format: "A4" });
  }
}
await context.close();
console.log(JSON.stringify(said));
