// `npm run check:files`: finds text that must not be in the project, and that no other tool finds.
import { readdir, readFile } from "node:fs/promises";
import { join, sep } from "node:path";

const skipped = ["node_modules", ".git", ".cache", "dist", "coverage"];
const textFile = /(^|\/)[^.]+$|[.]([cm]?[jt]s|jsonc?|md|ya?ml|sh)$/;

// A name, a pattern, and a pattern for the paths of the files. Without the latter, all text files are searched.
const forbidden = [
  ["a path of one machine", /(?<![\w.~{}-])\/(?:home|root|work|Users)\/[\w.-]+\/|\b[A-Z]:\\{1,2}Users\\/g],
  [
    "a registry's address",
    /\bhttps?:\/\/[\w.-]*(?:registry|artifactory|nexus|verdaccio|proxy\.golang|jfrog)[\w.-]*/gi,
  ],
  ["a locked download address", /"resolved":\s*"https?:/g, /(^|\/)package-lock[.]json$/],
  ["a private key", /-----BEGIN [A-Z ]*PRIVATE KEY-----\s*[A-Za-z0-9+/=]{40}/g, /^(?!test\/)/],
  // On a busy machine, anything can take any time. A test asserts order, counts, or time on a clock that it moves
  // itself. The file that is excepted measures time only to give the event loop a turn.
  [
    "a test that measures time",
    /\b(?:(?:Date|performance)\.now\(\)\s*-\s*[A-Za-z_(]|hrtime\b).*/g,
    /^test\/(?!fuzz\/property\.ts$).*\.ts$/,
  ],
  // Without isolation, it has no effect on a module that another test file of the process has loaded.
  [
    "a replaced module outside of *.isolated.test.ts",
    /\bvi\.(?:mock\(|doMock\((?:import\()?["'`]\.).*/g,
    /^test\/(?:fuzz|integration|peers|processes|unit)\/.*(?<!\.isolated\.test)\.ts$/,
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
