// What no other tool looks at: length of the sources, the lock file, tests that measure time, and text that has no place in the
// project.
import { readdir, readFile } from "node:fs/promises";
import { extname, join, posix } from "node:path";
import { missingFrom } from "./complete-lock.mjs";

const longest = 400;
const skipped = new Set(["node_modules", ".git", "dist", "coverage"]);
const text = new Set([
  ".ts",
  ".mts",
  ".cts",
  ".js",
  ".mjs",
  ".cjs",
  ".json",
  ".jsonc",
  ".md",
  ".yaml",
  ".yml",
  ".sh",
  "",
]);

// A copy of a file from one machine would fail, or tell of it, on another.
const forbidden = [
  { what: "a path of one machine", pattern: /(?<![\w.~{}-])\/(?:home|root|work|Users)\/[\w.-]+\//g },
  { what: "a path of one machine", pattern: /\b[A-Z]:\\{1,2}Users\\/g },
  {
    what: "a registry's address",
    pattern: /\bhttps?:\/\/[\w.-]*(?:registry|artifactory|nexus|verdaccio|proxy\.golang|jfrog)[\w.-]*/gi,
  },
  {
    what: "a locked download address",
    pattern: /"resolved":\s*"https?:/g,
    only: /(^|\/)package-lock[.]json$/,
  },
  {
    what: "a private key",
    pattern: /-----BEGIN [A-Z ]*PRIVATE KEY-----\s*[A-Za-z0-9+/=]{40}/g,
    only: /^(?!test\/)/,
  },
  {
    // A busy machine makes it any number. A test asserts order, counts, or time on a clock that it moves itself.
    what: "a test that measures time",
    pattern: /\b(?:(?:Date|performance)\.now\(\)\s*-\s*[A-Za-z_(]|hrtime\b).*/g,
    // It lets the event loop have a turn by it, and asserts nothing.
    only: /^test\/(?!fuzz\/property\.ts$).*\.ts$/,
  },
];

const problems = [];
for await (const file of filesIn(".")) {
  const content = await readFile(file, "utf8");
  const lines = content.split("\n").length - 1;
  if (/^src\/(?!.*\/generated\/)/.test(file) && lines >= longest)
    problems.push(`${file}: ${lines} lines, ${longest} are too many`);
  if (/(^|\/)package-lock[.]json$/.test(file)) {
    for (const { path } of missingFrom(JSON.parse(content))) {
      problems.push(`${file}: ${path} is missing: run node scripts/complete-lock.mjs`);
    }
  }
  for (const { what, pattern, only } of forbidden) {
    if (only !== undefined && !only.test(file)) continue;
    for (const match of content.matchAll(pattern)) {
      problems.push(`${file}:${content.slice(0, match.index).split("\n").length}: ${what}: ${match[0]}`);
    }
  }
}
for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;

async function* filesIn(folder) {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = folder === "." ? entry.name : posix.join(folder, entry.name);
    if (skipped.has(entry.name)) continue;
    if (entry.isDirectory()) yield* filesIn(path);
    else if (entry.isFile() && text.has(extname(entry.name))) yield join(path).split("\\").join("/");
  }
}
