/**
 * Makes the pictures of the README: a real race of all strategies, as the page shows it while it
 * goes on. Run by `make pictures`, on a machine that has nothing else to do. Sharp, which packs the
 * images, comes with Next.js.
 */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "@playwright/test";
import sharp from "sharp";

const root = fileURLToPath(new URL("../..", import.meta.url));
const pictures = join(root, "docs", "pictures");
const folder = mkdtempSync(join(tmpdir(), "flb-pictures-"));
const FRAMES = 12;
const EVERY = 1000; // milliseconds

/** The address of the dashboard of a race that has just begun, and how to end it. */
async function race() {
  const words = ["--scenario", "T2", "--requests", "600", "--stay", "--free-ports", "--json", "-"];
  const flb = spawn(join(root, ".venv/bin/flb"), ["harness", ...words], { cwd: folder });
  let said = "";
  const address = await new Promise((resolve, reject) => {
    flb.stderr.on("data", (text) => {
      said += text;
      const found = /dashboard (http:\S+)/.exec(said);
      if (found) resolve(found[1]);
    });
    flb.once("exit", () => reject(new Error(said)));
  });
  return { address, end: () => flb.kill("SIGINT") };
}

async function still(page, name) {
  const png = await page.screenshot();
  const path = join(pictures, `${name}.png`);
  await sharp(png).png({ palette: true, quality: 90, effort: 10 }).toFile(path);
  console.log(`${name}.png ${Math.round(statSync(path).size / 1000)} kB`);
}

mkdirSync(pictures, { recursive: true });
const executablePath = process.env.FLB_CHROMIUM ?? "/usr/bin/chromium";
const browser = await chromium.launch({
  executablePath,
  args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
});
const { address, end } = await race();
try {
  const page = await browser.newPage({ viewport: { width: 1000, height: 940 } });
  await page.goto(address);
  await page.getByRole("table").waitFor();
  const frames = [];
  for (let count = 0; count < FRAMES; count++) {
    frames.push(await page.screenshot());
    await page.waitForTimeout(EVERY);
  }
  const moving = join(pictures, "race.webp");
  await sharp(frames, { join: { animated: true } })
    .webp({ quality: 55, effort: 4, delay: frames.map(() => 400), loop: 0 })
    .toFile(moving);
  console.log(`race.webp ${Math.round(statSync(moving).size / 1000)} kB`);
  await page.emulateMedia({ colorScheme: "dark" });
  await page.setViewportSize({ width: 1280, height: 1190 });
  await page.goto(`${address}/route?name=cascade-T2`);
  await page.getByRole("heading", { name: /^Why/ }).waitFor();
  await page.getByRole("button", { name: "Pause" }).click();
  await page.waitForTimeout(EVERY);
  await still(page, "route");
} finally {
  end();
  await browser.close();
  rmSync(folder, { recursive: true, force: true });
}
