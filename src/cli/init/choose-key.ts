import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { asyncFileSystem } from "../../config/async-file-system.js";
import { ifExaminable } from "../../config/file-system.js";
import type { Ask } from "../io.js";

/** Where people keep the keys of a project, from its folder. */
const folders = ["", "secrets", ".."];

/** More choices would not fit on a screen. */
const mostChoices = 12;

const noKey = "I have none yet";
const anotherFile = "another file";

/** Asks for the file of a private key. Returns its path from `cwd`, or `undefined` if the person has no key yet. */
export async function chooseKeyFile(ask: Ask, cwd: string): Promise<string | undefined> {
  const files = await findKeyFiles(cwd);
  // The values of the last two cannot be paths.
  const answer = await ask.select("Where is the private key?", [
    ...files.map((file) => ({ value: file, label: file })),
    { value: "\0none", label: noKey, hint: "the next steps create one" },
    { value: "\0other", label: anotherFile },
  ]);
  if (answer === "\0none") return undefined;
  if (answer !== "\0other") return answer;
  const path = await ask.text("Path of the private key", {
    validate: (typed) => (isThere(typed.trim(), cwd) ? undefined : "There is no such file"),
  });
  return path.trim();
}

function isThere(path: string, cwd: string): boolean {
  return path !== "" && existsSync(resolve(cwd, path));
}

async function findKeyFiles(cwd: string): Promise<readonly string[]> {
  const found = await Promise.all(folders.map((folder) => keyFilesIn(folder, cwd)));
  return found.flat().slice(0, mostChoices);
}

async function keyFilesIn(folder: string, cwd: string): Promise<readonly string[]> {
  const names = (await ifExaminable(() => readdir(join(cwd, folder)))) ?? [];
  const files = names.filter((name) => /\.(?:pem|key|jwk\.json)$/i.test(name)).sort();
  const areKeys = await Promise.all(files.map((name) => mayBePrivateKey(join(cwd, folder, name))));
  return files
    .filter((_, index) => areKeys[index])
    .map((name) => (folder === "" ? name : `${folder}/${name}`));
}

const longestKey = 65_536;

/** Whether a file is not obviously something else, such as a certificate or a public key. */
async function mayBePrivateKey(file: string): Promise<boolean> {
  const outcome = await ifExaminable(() => asyncFileSystem.read(file, longestKey));
  if (outcome === undefined || !("text" in outcome)) return false;
  const { text } = outcome;
  if (text.trimStart().startsWith("{")) return /"d"\s*:/.test(text);
  return !text.includes("-----BEGIN ") || text.includes("PRIVATE KEY-----");
}
