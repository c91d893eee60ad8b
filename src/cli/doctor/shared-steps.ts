import { randomBytes, randomInt } from "node:crypto";
import type { CheckedConfig } from "../../config/load.js";
import type { StoreSpec } from "../../config/spec.js";
import { McpAuthError } from "../../errors/error.js";
import { messageWithoutServer } from "../../errors/message-without-server.js";
import { counted } from "../../lib/counted.js";
import { printable } from "../../lib/printable.js";
import { assertStorePackage } from "../../runtime/manager-internals.js";
import { readSecret, type SecretContext } from "../../secrets/read-secret.js";
import { describeReference, isLocal } from "../../secrets/reference.js";
import type { SharedStore } from "../../stores/shared-store.js";
import { checkMachine } from "../check-machine.js";
import type { CommandIo } from "../io.js";
import { expectedFailure } from "../secrets/check-config-secret.js";
import { referencesOf, secretsOfStore } from "../secrets/config-secrets.js";
import { shownFile, violationLine } from "../violations.js";
import { fail, failWith, type Outcome, pass, warn } from "./outcome.js";

/** Checks the config, and what it names on this machine. Mistakes of single servers are failures of those servers. */
export async function checkDoctorConfig(
  { file, violations, warnings, spec, document }: CheckedConfig,
  { cwd, env }: Pick<CommandIo, "cwd" | "env">,
): Promise<Outcome> {
  const name = file === undefined ? "the config" : shownFile(file, cwd);
  const machine = document && (await checkMachine(document, { env }));
  const onMachine = (await document?.locate(machine?.mistakes ?? [])) ?? [];
  // A folder that cannot hold the store is reported by the step of the store.
  const ofMachine = onMachine
    .map(({ violation }) => violation)
    .filter(({ pointer }) => !pointer.startsWith("/store"));
  const all = [...(spec === undefined ? violations : []), ...ofMachine];
  const [first, ...others] = all;
  if (first !== undefined) {
    const finding = {
      id: "config_mistake",
      cause: `${name} has ${counted(all.length, "mistake")}.`,
      remedy: violationLine(first, cwd),
    };
    return { ...failWith(finding, "config_invalid"), more: others.map((each) => violationLine(each, cwd)) };
  }
  const about = [...warnings, ...(machine?.warnings ?? [])];
  if (about.length > 0) return warn({ id: "config_warning", remedy: about.map(printable).join(" ") });
  if (violations.length > 0) {
    const cause = `${name} has ${counted(violations.length, "mistake")} in its servers.`;
    return warn({ id: "config_mistake", cause, remedy: "See npx mcp-auth-runtime validate." });
  }
  return pass(`${name}, ${counted(spec?.servers.size ?? 0, "server")}`);
}

/** How many entries the checks use. A file store keeps the folder of an entry for a week, so there are not many. */
const checkEntries = 64;
/** Milliseconds after which a leftover of an interrupted check disappears. */
const leftoverLifetime = 60_000;

/** Where the secrets of the store are read. */
type Sources = Pick<SecretContext, "env" | "envFilesIn" | "signal">;

/** Writes, reads and deletes an entry of its own. */
export async function checkStore(
  spec: StoreSpec,
  store: SharedStore | undefined,
  sources: Sources,
): Promise<Outcome> {
  if (spec.type === "memory" || store === undefined)
    return pass("memory: every process requests its own tokens");
  try {
    return await roundTrip(spec, store);
  } catch (error) {
    if (!(error instanceof McpAuthError)) throw error;
    const failed = fail(error);
    const message = `${placeOf(spec)}: ${failed.message}`;
    if (error.code !== "secret_unavailable") return { ...failed, message };
    const missing = await missingSecrets(spec, sources);
    return { ...failed, message, ...(missing.length > 0 && { todo: missing.join(" ") }) };
  }
}

const aboutKey = `The encryption key is 32 random bytes in base64url, as node -p 'crypto.randomBytes(32).toString("base64url")' prints.`;

/** Returns what to do about each secret that cannot be read, in sentences: the store itself names only the first one. */
async function missingSecrets(spec: StoreSpec, sources: Sources): Promise<readonly string[]> {
  const missing: string[] = [];
  for (const secret of secretsOfStore(spec)) {
    for (const reference of referencesOf(secret).filter(isLocal)) {
      try {
        await readSecret(reference, { ...sources, server: "" });
      } catch (error) {
        const text = messageWithoutServer(expectedFailure(error));
        missing.push(secret.kind === "encryption key" ? `${text} ${aboutKey}` : text);
      }
    }
  }
  return missing;
}

function placeOf(spec: Exclude<StoreSpec, { type: "memory" }>): string {
  return spec.type === "file" ? "file" : `redis at the URL in ${describeReference(spec.url)}`;
}

async function roundTrip(spec: Exclude<StoreSpec, { type: "memory" }>, store: SharedStore): Promise<Outcome> {
  await assertStorePackage(spec);
  // Another check may use the same entry at this moment.
  const isKept = (await writeReadDelete(store)) || (await writeReadDelete(store));
  if (isKept) return pass(`${placeOf(spec)}: an entry was written, read and deleted`);
  throw new McpAuthError(
    "store_unavailable",
    "The store did not return what was written to it. Check that all of its nodes are the same store, and that it keeps " +
      "what it accepts.",
  );
}

/** Returns whether the store returned what was written to it. */
async function writeReadDelete(store: SharedStore): Promise<boolean> {
  const key = `check.${randomInt(checkEntries).toString(16).padStart(32, "0")}`;
  const text = randomBytes(16).toString("hex");
  await store.write(key, text, { expiresIn: leftoverLifetime });
  const read = await store.read(key);
  await store.delete(key);
  return read.kind === "value" && read.text === text;
}
