/**
 * Names in package-lock.json the packages of every platform, not just of this one. A registry that
 * lacks some of them leaves them out when it makes a lock, and `npm ci` then refuses that lock, here
 * and elsewhere (npm/cli issue 9846). To be run after the lock was changed: `npm run lock`.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const path = fileURLToPath(new URL("../package-lock.json", import.meta.url));
const lock = JSON.parse(readFileSync(path, "utf8"));

const SYSTEMS = ["android", "darwin", "freebsd", "linux", "openharmony", "win32"];
const PROCESSORS = ["arm64", "arm", "ia32", "ppc64", "riscv64", "s390x", "wasm32", "x64"];

/** `@next/swc-linux-x64-musl` is for Linux on x64 with musl. */
function platform(name) {
  const words = name.split("/").at(-1).split("-");
  const one = (known) => known.filter((word) => words.includes(word));
  const libc = words.includes("musl") ? ["musl"] : words.includes("gnu") ? ["glibc"] : [];
  const found = { os: one(SYSTEMS), cpu: one(PROCESSORS), libc };
  if (found.cpu.length === 0) throw new Error(`for which platform is ${name}?`);
  return Object.fromEntries(Object.entries(found).filter(([, values]) => values.length > 0));
}

for (const [where, { optionalDependencies, dev }] of Object.entries(lock.packages)) {
  if (where === "") continue;
  for (const [name, version] of Object.entries(optionalDependencies ?? {})) {
    const known =
      `node_modules/${name}` in lock.packages || `${where}/node_modules/${name}` in lock.packages;
    if (known || !/^\d/.test(version)) continue;
    const entry = { version, ...platform(name), ...(dev ? { dev } : {}), optional: true };
    lock.packages[`node_modules/${name}`] = entry;
    console.log(`${name} ${version}`);
  }
}
const [root, ...others] = Object.entries(lock.packages);
lock.packages = Object.fromEntries([root, ...others.sort(([a], [b]) => (a < b ? -1 : 1))]);
writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
