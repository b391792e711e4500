import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(new URL("../../app/web/package.json", import.meta.url));
const AXE = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
/** What the colours decide; everything else is the same in light and dark. */
const OF_COLOUR = ["color-contrast", "link-in-text-block"];
const SERIOUS = ["serious", "critical"];
const NARROWEST = { width: 320, height: 700 };

/** Serious faults that axe finds in light and dark within `part`, and whether the page is wider than the narrowest screen. */
export async function faultsOf(page, name, part = "html") {
  const found = [];
  await page.evaluate(`${AXE}; undefined`);
  for (const [colorScheme, runOnly] of [["light", undefined], ["dark", OF_COLOUR]]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    const { violations } = await page.evaluate(([part, runOnly]) => globalThis.axe.run(part, { resultTypes: ["violations"], runOnly }), [part, runOnly]);
    for (const { id, impact, nodes } of violations.filter(({ impact }) => SERIOUS.includes(impact))) {
      found.push(`${name} (${colorScheme}): ${id}, ${impact}, at ${nodes.map(({ target, failureSummary }) => `${target.join(" ")}: ${failureSummary}`).join("; ")}`);
    }
  }
  const size = page.viewportSize();
  await page.setViewportSize(NARROWEST);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  if (wide > NARROWEST.width) found.push(`${name}: ${wide} pixels wide on a screen of ${NARROWEST.width}`);
  await page.setViewportSize(size);
  return found;
}
