// What no other tool finds: text that has no place in the project.
import { readdir, readFile } from "node:fs/promises";
import { join, sep } from "node:path";

const skipped = ["node_modules", ".git", "dist", "coverage"];
const textFile = /(^|\/)[^.]+$|(^|\/)[.]ci\/|[.]([cm]?[jt]s|jsonc?|md|ya?ml|sh)$/;

/** `only`: the files in which it is looked for; all text files without it. */
const forbidden = [
  {
    what: "a path of one machine",
    pattern: /(?<![\w.~{}-])\/(?:home|root|work|Users)\/[\w.-]+\/|\b[A-Z]:\\{1,2}Users\\/g,
  },
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
    // On a busy machine, it is any number. A test asserts order, counts, or time on a clock that it moves itself.
    what: "a test that measures time",
    pattern: /\b(?:(?:Date|performance)\.now\(\)\s*-\s*[A-Za-z_(]|hrtime\b).*/g,
    // This one only lets the event loop have a turn.
    only: /^test\/(?!fuzz\/property\.ts$).*\.ts$/,
  },
];

for await (const file of filesIn(".")) {
  const content = await readFile(file, "utf8");
  for (const { what, pattern } of forbidden.filter(({ only }) => only?.test(file) ?? true)) {
    for (const { 0: found, index } of content.matchAll(pattern)) {
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
