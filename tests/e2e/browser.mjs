// Runs one scenario in Chromium and prints what it found out as JSON. Whatever the page throws, and whatever its
// Content-Security-Policy had to stop, is a fault of the scenario.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const here = new URL(".", import.meta.url);
const require = createRequire(new URL("../../app/web/package.json", here));
const { chromium } = require("playwright-core");

const WITHIN_MS = 30_000; // two browsers and two servers share the cores
// FaceMesh needs WebGL. Pages are put together without it: drawn in software too, they would keep FaceMesh waiting.
const FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-gpu-compositing"];
const WATCH = `document.addEventListener("securitypolicyviolation", event =>
  console.error("CSP " + event.effectiveDirective + " stopped " + event.blockedURI + " at " + event.sourceFile + ":" + event.lineNumber));`;

/** What a scenario works with: pages, the letters that were sent, and the words of the tests. */
export class Browser {
  faults = [];
  #provoked = [];

  constructor(told, browser) {
    this.told = told;
    this.browser = browser;
  }

  /** A page of a browser of its own: no cookie, no history. */
  async fresh(options = {}) {
    const context = await this.browser.newContext({ baseURL: this.told.url, locale: "en-US", timezoneId: "Europe/Lisbon", ...options });
    context.setDefaultTimeout(WITHIN_MS);
    await context.addInitScript(WATCH);
    return this.tab(context);
  }

  /** Another tab of the same browser. */
  async tab(context) {
    const page = await context.newPage();
    page.on("pageerror", error => this.#fault(`${page.url()}: ${error.stack ?? error}`));
    page.on("console", message => {
      if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) this.#fault(`${page.url()}: ${message.text()}`);
    });
    return page;
  }

  /** What the scenario itself brings about is no fault, whenever the browser tells of it. */
  provokes(words) {
    this.#provoked.push(words);
  }

  #fault(text) {
    if (!this.#provoked.some(words => words.test(text))) this.faults.push(text);
  }

  /** The newest letter to an address, as soon as one is there whose subject has the words and which is the one that is meant. */
  async letter(to, words = "", isMeant = () => true) {
    for (const until = Date.now() + WITHIN_MS; Date.now() < until; await new Promise(go => setTimeout(go, 50))) {
      const names = readdirSync(this.told.outbox).filter(name => /^\d.*\.eml$/.test(name)).sort().reverse();
      for (const name of names) {
        const text = readFileSync(join(this.told.outbox, name), "utf8");
        if (!text.includes(`To: ${to}`) || !(/^Subject: (.*)$/m.exec(text)?.[1] ?? "").includes(words)) continue;
        const letter = { text, link: /http\S+/.exec(text)?.[0], code: /^\d{6}$/m.exec(text)?.[0] };
        if (isMeant(letter)) return letter;
      }
    }
    throw new Error(`no letter to ${to} with "${words}"`);
  }
}

/** What the pages show, for the report of a failure. */
async function tell({ browser, faults }) {
  for (const [at, page] of browser.contexts().flatMap(context => context.pages()).entries()) {
    const shown = part => page.locator(part).innerText({ timeout: 2000 }).catch(() => "");
    console.error(`--- page ${at}: ${page.url()}\n${(await shown("body")).slice(0, 1500)}`);
    if (await page.locator("bonafide-liveness").count().catch(() => 0)) console.error(`--- its check: ${await shown("bonafide-liveness section")}`);
  }
  console.error(faults.join("\n"));
}

async function run(told) {
  const [file, name] = told.scenario.split(":");
  const scenario = (await import(new URL(`${file}.scenarios.mjs`, here)))[name];
  assert.ok(scenario, `there is no scenario ${told.scenario}`);
  const chromiumBrowser = await chromium.launch({ executablePath: told.chromium, args: FLAGS, handleSIGTERM: false });
  try {
    const browser = new Browser(told, chromiumBrowser);
    process.once("SIGTERM", async () => {
      await tell(browser);
      process.exit(1);
    });
    let found;
    try {
      found = await scenario(browser);
    } catch (error) {
      await tell(browser);
      throw error;
    }
    assert.deepEqual(browser.faults, []);
    console.log(JSON.stringify(found ?? {}));
  } finally {
    await chromiumBrowser.close();
  }
}

if (process.argv[2]) {
  await run(JSON.parse(process.argv[2])).catch(error => {
    console.error(error);
    process.exitCode = 1;
  });
}
