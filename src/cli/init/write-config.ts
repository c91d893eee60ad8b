import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { configProperty, packageJson } from "../../config/cosmiconfig.js";
import type { McpAuthConfig } from "../../config/define-config.js";
import { formatViolation } from "../../config/format-violation.js";
import { type Json, property } from "../../config/json.js";
import { checkConfig } from "../../config/load.js";
import { printable } from "../../lib/printable.js";
import { UsageError } from "../options.js";
import { replaceFile } from "../replace-file.js";
import { createFile } from "./create-file.js";
import { parseConfig, type Target } from "./find-target.js";
import { insertIntoJson } from "./insert-json.js";
import { insertIntoYaml } from "./insert-yaml.js";
import { newConfigText } from "./new-config.js";
import { inLine } from "./written-json.js";

/** What a command adds to a config. No name may be in the config already. */
export interface Additions {
  /** The path of a host's file, relative to the config. */
  readonly import?: string;
  readonly clients?: Readonly<Record<string, Json>>;
  readonly servers: Readonly<Record<string, Json>>;
}

/**
 * Returns the text of the config with the additions. Throws `UsageError` if it would have mistakes that it did not have
 * before; `variables` are those that the additions need and that may have no value yet.
 */
export async function configWith(
  target: Target,
  additions: Additions,
  env: Readonly<Record<string, string | undefined>>,
  variables: readonly string[],
): Promise<string> {
  const text = await editedText(target, additions);
  const { value } = await parseConfig({ ...target, text });
  const wanted = merged(target, additions);
  if (!isDeepStrictEqual(plain(value ?? null, target.isNew), plain(wanted, false)))
    throw notEdited(target, additions);
  const known = new Set(target.violations.map(({ pointer, message }) => `${pointer} ${message}`));
  const checked = await checkConfig({
    // It is checked here whether the value is a config.
    config: wanted as unknown as McpAuthConfig,
    cwd: dirname(target.file),
    env: { ...Object.fromEntries(variables.map((name) => [name, "set"])), ...env },
  });
  const mistakes = checked.violations.filter(({ pointer, message }) => !known.has(`${pointer} ${message}`));
  if (mistakes.length === 0) return text;
  const lines = mistakes.map((violation) => `\n  ${formatViolation(violation)}`);
  throw new UsageError(`Nothing was written, because the config would not be valid:${lines.join("")}`);
}

/** Writes the config. Throws `UsageError` if the file was changed since it was read. */
export async function writeConfig({ file, isNew, text: read }: Target, text: string): Promise<void> {
  if (isNew) return await createFile(file, text);
  const now = (await readFile(file, "utf8")).replace(/^\uFEFF/, "");
  if (now !== read) {
    throw new UsageError(
      `Nothing was written, because ${printable(file)} has changed since it was read. Run the command again.`,
    );
  }
  await replaceFile(file, text);
}

async function editedText({ file, isNew, text, notation }: Target, additions: Additions): Promise<string> {
  const { servers, clients = {}, import: imported } = additions;
  if (isNew) {
    return await newConfigText(file, {
      ...(imported !== undefined && { import: imported }),
      ...(Object.keys(clients).length > 0 && { clients }),
      servers,
    });
  }
  const insert = notation === "yaml" ? insertIntoYaml : insertIntoJson;
  const root = notation === packageJson ? [configProperty] : [];
  let edited = text;
  if (imported !== undefined) edited = insert(edited, [...root, "import"], imported);
  for (const [name, client] of Object.entries(clients))
    edited = insert(edited, [...root, "clients", name], client);
  for (const [name, server] of Object.entries(servers))
    edited = insert(edited, [...root, "servers", name], server);
  return edited;
}

function merged({ written }: Target, { import: imported, clients = {}, servers }: Additions): Json {
  const section = (name: string, added: Readonly<Record<string, Json>>) => {
    return Object.keys(added).length === 0
      ? {}
      : { [name]: { ...Object(property(written, name)), ...added } };
  };
  return {
    ...Object(written),
    ...(imported !== undefined && { import: imported }),
    ...section("clients", clients),
    ...section("servers", servers),
  };
}

/** Copies a config without prototypes, which do not count here, and without the `$schema` of a new one. */
function plain(value: Json, isNew: boolean): unknown {
  // JSON is what it is.
  const copy = JSON.parse(JSON.stringify(value)) as Record<string, unknown> | null;
  if (isNew && copy !== null) delete copy["$schema"];
  return copy;
}

function notEdited({ file }: Target, { servers }: Additions): UsageError {
  const lines = Object.entries(servers).map(
    ([name, server]) => `\n  ${printable(inLine({ [name]: server }))}`,
  );
  return new UsageError(
    `${printable(file)} is written in a way that this command cannot add to. Add to its "servers" by hand:${lines.join("")}`,
  );
}
