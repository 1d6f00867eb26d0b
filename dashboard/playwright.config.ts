/** The real pages from the real balancer, in a Chromium that is on this machine already. */
import { defineConfig } from "@playwright/test";

process.env.FLB_TOLERANCE ??= "100"; // of late requests: other tests keep the machine busy

export default defineConfig({
  testDir: "browser",
  reporter: "line",
  timeout: 120_000,
  workers: 1,
  expect: { timeout: 20_000 },
  use: {
    launchOptions: {
      executablePath: process.env.FLB_CHROMIUM ?? "/usr/bin/chromium",
      args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
    },
    viewport: { width: 1280, height: 900 },
  },
});
