// Looks at a page that `report html`, `report merge --html` or `--html` drew, as scripts/check-page says.
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [tools, browserPath, shots, html, ...records] = process.argv.slice(2);
const require = createRequire(join(tools, "package.json"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const address = pathToFileURL(resolve(html)).href;
const reports = records.map((path) => JSON.parse(readFileSync(path, "utf8")));
const VERDICTS = ["nonconformant", "inconclusive", "known-deviation", "conformant", "skipped"];

const wrong = [];
const equal = (what, page, record) => {
  if (JSON.stringify(page) !== JSON.stringify(record)) wrong.push(`${what}: ${JSON.stringify(page)} on the page, ${JSON.stringify(record)} in the record`);
};
const holds = (what, sound) => {
  if (!sound) wrong.push(what);
};
const tally = (verdicts) => Object.fromEntries(VERDICTS.map((one) => [one, verdicts.filter((it) => it === one).length]));

// What the page shows, counted by its elements.
const shown = () => {
  const of = (selector, name) => [...document.querySelectorAll(selector)].map((it) => it.dataset[name]);
  const cells = [...document.querySelectorAll("table.keys tbody td[class]")].map((it) => it.classList[0]);
  const counts = [...document.querySelectorAll("header [data-count]")].map((it) => [it.dataset.count, +it.dataset.scenarios, +it.dataset.cases]);
  return {
    counts,
    cells,
    scenarios: of("details.sc", "verdict"),
    stages: of("[data-stage]", "stage"),
    chips: of("a[data-chip]", "chip"),
    defects: document.querySelectorAll("[data-defect]").length,
    requests: +(document.querySelector("[data-requests]")?.dataset.requests ?? 0),
    spans: document.querySelectorAll("svg.time g").length,
    links: [...document.querySelectorAll("a[href^='#']")].filter((it) => !document.getElementById(it.getAttribute("href").slice(1))).length,
  };
};

async function countsOfOne(page, report) {
  const seen = await page.evaluate(shown);
  const { scenarios } = report;
  equal("scenarios", tally(seen.scenarios), tally(scenarios.map((it) => it.verdict)));
  equal("stages", tally(seen.stages), tally(scenarios.flatMap((it) => it.stages.map((one) => one.verdict))));
  equal("keys", tally(seen.cells), tally(scenarios.flatMap((it) => it.keys.map((one) => one.verdict))));
  const settled = scenarios.filter((it) => it.settings?.base);
  equal("cells of the matrix", tally(seen.chips), tally(settled.map((it) => it.verdict)));
  const summary = report.summary;
  equal("numbers", seen.counts, VERDICTS.map((one) => [one, summary.scenarios[one], summary.cases[one]]));
  equal("findings", seen.defects, report.defects.length);
  equal("requests", seen.requests, report.ledger?.length ?? 0);
  equal("bars of the timeline", seen.spans, report.timeline?.length ?? 0);
  equal("links to nowhere", seen.links, scenarios.filter((it) => it.control && !scenarios.some((one) => one.id === it.control)).length);
}

async function countsOfMany(page) {
  const columns = await page.$$eval("[data-run]", (all) => all.map((it) => [...it.querySelectorAll("[data-count]")].map((one) => [one.dataset.count, +one.dataset.scenarios])));
  equal("runs", columns, reports.map((report) => VERDICTS.map((one) => [one, report.summary.scenarios[one]])));
  const chips = await page.$$eval("[data-chip]", (all) => all.map((it) => it.dataset.chip));
  equal("cells", tally(chips), tally(reports.flatMap((report) => report.scenarios.map((it) => it.verdict))));
  const rows = await page.$$eval("tr[data-row]", (all) => all.length);
  equal("rows", rows, new Set(reports.flatMap((report) => report.scenarios.map((it) => it.id))).size);
}

// Filter, fold and fragments, by keyboard where people would use it.
async function works(page, report) {
  const visible = () => page.$$eval("details.sc", (all) => all.filter((it) => it.checkVisibility()).length);
  const all = report.scenarios.length;
  await page.keyboard.press("Tab");
  equal("the first stop of the keyboard", await page.evaluate(() => document.activeElement.textContent), "To the content");
  const one = report.scenarios[0].verdict;
  await page.uncheck(`input[value=${one}]`);
  equal("what the filter leaves", await visible(), report.scenarios.filter((it) => it.verdict !== one).length);
  await page.check(`input[value=${one}]`);
  await page.fill("#find", report.scenarios[all - 1].id);
  const found = await visible();
  holds(`the search finds ${found} of ${all}`, found >= 1 && (found < all || all < 3));
  await page.fill("#find", "");
  await page.click("#unfold");
  equal("unfolded", await page.$$eval("details.sc[open]", (open) => open.length), all);
  await page.click("#fold");
  equal("folded", await page.$$eval("details.sc[open]", (open) => open.length), 0);
  await page.evaluate(() => (location.hash = document.querySelector("details.sc").id));
  await page.waitForFunction(() => document.querySelector("details.sc").open, null, { timeout: 5000 }).catch(() => holds("a link unfolds no scenario", false));
  await page.click("#fold");
  await page.emulateMedia({ media: "print" });
  holds("a print has controls", !(await page.isVisible(".tools")));
  await page.emulateMedia({ media: "screen" });
  await page.evaluate(() => scrollTo(0, 0));
}

const browser = await chromium.launch({ executablePath: browserPath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
try {
  for (const scheme of ["light", "dark"]) {
    for (const width of [1280, 360]) {
      const at = `${width} px, ${scheme}`;
      const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme: scheme });
      const page = await context.newPage();
      page.on("console", (message) => holds(`${at}: console: ${message.text()}`, message.type() !== "error" && message.type() !== "warning"));
      page.on("pageerror", (error) => holds(`${at}: ${error.message}`, false));
      page.on("request", (request) => holds(`${at}: asks for ${request.url()}`, request.url().split("#")[0] === address));
      await page.goto(address);
      if (scheme === "light" && width === 1280) {
        if (await page.$("[data-run]")) await countsOfMany(page);
        else await countsOfOne(page, reports[0]), await works(page, reports[0]);
      }
      equal(`${at}: width`, await page.evaluate(() => document.documentElement.scrollWidth), width);
      if (scheme === "light") {
        mkdirSync(shots, { recursive: true });
        const height = Math.min(4000, await page.evaluate(() => document.documentElement.scrollHeight));
        await page.screenshot({ path: join(shots, `${basename(html, ".html")}-${width}.png`), fullPage: true, clip: { x: 0, y: 0, width, height } });
      }
      // Colours do not depend on the width, nor names on the colours.
      if (width === 1280 || scheme === "light") {
        await page.evaluate(axe);
        const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
        for (const { id, help, nodes } of violations) wrong.push(`${at}: axe: ${id}: ${help}: ${nodes.length} times, such as ${nodes[0].html.slice(0, 200)}`);
      }
      await context.close();
    }
  }
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(address);
  holds("without a script there is no headline", await page.isVisible("h1"));
  holds("without a script there are controls without effect", !(await page.isVisible(".tools")));
  await context.close();
} finally {
  await browser.close();
}
for (const one of wrong) console.error(`wrong: ${one}`);
console.log(`${basename(html)}: ${wrong.length === 0 ? "shows what the record says; axe: 0 violations, console: silent" : `${wrong.length} wrong`}`);
process.exitCode = wrong.length === 0 ? 0 : 1;
