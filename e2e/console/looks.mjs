// A screen in light and dark, wide and on a phone: axe finds nothing, nothing is wider than the screen, nothing is cut off.
// A picture of each is in `pictures`, or in BATON_PICTURES.
import assert from "node:assert/strict";
import { axe, contrast } from "./browser.mjs";

const PICTURES = process.env.BATON_PICTURES ?? "pictures";
export const SIZES = { wide: { width: 1440, height: 900 }, tablet: { width: 1000, height: 800 }, phone: { width: 390, height: 844 } };

/** Looks at which axe looks whole, and at which for contrast alone: colours differ by scheme, and what is there by size. */
const WHOLE = [axe, "wide light", "phone light"];
const CONTRAST = [contrast, "wide dark", "phone dark"];

/** Looks at a page in each size, but those left out; `ready` waits until it shows what it should. */
export async function inEveryLook(page, name, ready, without = []) {
  for (const [size, viewport] of Object.entries(SIZES)) {
    if (without.includes(size)) continue;
    await page.setViewportSize(viewport);
    await ready(page);
    await page.waitForFunction(() => document.querySelectorAll("[aria-busy=true]").length === 0);
    await page.evaluate(() => document.fonts.ready);
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      // In between only what is cut off is looked for.
      if (size !== "tablet") await page.screenshot({ path: `${PICTURES}/${name}-${colorScheme}-${size}.png` });
      for (const [look, ...at] of [WHOLE, CONTRAST]) {
        if (at.includes(`${size} ${colorScheme}`)) assert.deepEqual(await look(page), [], `${size}, ${colorScheme}`);
      }
    }
    const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(wider <= 0, `${size}: ${wider} px wider than the screen`);
    const cut = await page.evaluate(() => {
      const wide = [...document.querySelectorAll("aside")].filter((one) => one.scrollWidth > one.clientWidth);
      const flat = [...document.querySelectorAll("main nav")].filter((one) => one.scrollHeight > one.clientHeight + 1);
      return [...wide, ...flat].map((one) => one.getAttribute("aria-label"));
    });
    assert.deepEqual(cut, [], `${size}: cut off`);
  }
}
