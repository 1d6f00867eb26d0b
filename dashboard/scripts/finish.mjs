/**
 * After `next build`: lay the exported files where the balancer serves them from, each packed once
 * for all, with a list of the hashes of every page's inline scripts for its Content-Security-Policy.
 */
import { createHash } from "node:crypto";
import { cpSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { extname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const root = fileURLToPath(new URL("..", import.meta.url));
const exported = join(root, "out");
const served = join(root, "..", "flaky_load_balancer", "dashboard");
const fresh = `${served}.new`;

const TEXT = new Set([".html", ".js", ".css", ".txt", ".json", ".svg"]);
const INLINE = /<script(?![^>]*\ssrc=)[^>]*>([\s\S]*?)<\/script>/g;

/** @param {string} html */
function scriptHashes(html) {
  const hashes = [...html.matchAll(INLINE)].map(([, script]) =>
    createHash("sha256").update(script).digest("base64"),
  );
  return [...new Set(hashes)].map((hash) => `'sha256-${hash}'`);
}

rmSync(fresh, { recursive: true, force: true });
cpSync(exported, fresh, { recursive: true });

/** @type {Record<string, string[]>} */
const manifest = {};
for (const entry of readdirSync(fresh, { recursive: true, withFileTypes: true })) {
  const path = join(entry.parentPath, entry.name);
  if (!entry.isFile() || !TEXT.has(extname(path))) continue;
  const content = readFileSync(path);
  if (extname(path) === ".html") {
    const name = `/${relative(fresh, path).replaceAll("\\", "/")}`;
    manifest[name] = scriptHashes(content.toString("utf8"));
  }
  const packed = gzipSync(content, { level: 9 });
  if (packed.length < 0.9 * content.length) writeFileSync(`${path}.gz`, packed);
}
writeFileSync(join(fresh, "manifest.json"), JSON.stringify(manifest, null, 1));
rmSync(served, { recursive: true, force: true });
renameSync(fresh, served);
