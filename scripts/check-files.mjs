// What no other tool finds: text that has no place in the project.
import { readdir, readFile } from "node:fs/promises";
import { join, sep } from "node:path";

const skipped = ["node_modules", ".git", ".cache", "dist", "coverage"];
const textFile = /(^|\/)[^.]+$|[.]([cm]?[jt]s|jsonc?|md|ya?ml|sh)$/;

// What it is, how to find it, and in which files; in all text files if there is no third.
const forbidden = [
  ["a path of one machine", /(?<![\w.~{}-])\/(?:home|root|work|Users)\/[\w.-]+\/|\b[A-Z]:\\{1,2}Users\\/g],
  [
    "a registry's address",
    /\bhttps?:\/\/[\w.-]*(?:registry|artifactory|nexus|verdaccio|proxy\.golang|jfrog)[\w.-]*/gi,
  ],
  ["a locked download address", /"resolved":\s*"https?:/g, /(^|\/)package-lock[.]json$/],
  ["a private key", /-----BEGIN [A-Z ]*PRIVATE KEY-----\s*[A-Za-z0-9+/=]{40}/g, /^(?!test\/)/],
  // On a busy machine, time is any number. A test asserts order, counts, or time on a clock that it moves itself. The
  // exception only gives the event loop a turn.
  [
    "a test that measures time",
    /\b(?:(?:Date|performance)\.now\(\)\s*-\s*[A-Za-z_(]|hrtime\b).*/g,
    /^test\/(?!fuzz\/property\.ts$).*\.ts$/,
  ],
];

for await (const file of filesIn(".")) {
  const content = await readFile(file, "utf8");
  for (const [what, pattern, only = /^/] of forbidden) {
    for (const { 0: found, index } of only.test(file) ? content.matchAll(pattern) : []) {
      console.error(`${file}:${content.slice(0, index).split("\n").length}: ${what}: ${found}`);
      process.exitCode = 1;
    }
  }
}

async function* filesIn(folder) {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name).split(sep).join("/");
    if (entry.isDirectory() && !skipped.includes(entry.name)) yield* filesIn(path);
    else if (entry.isFile() && textFile.test(path)) yield path;
  }
}
