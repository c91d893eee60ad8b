import { dirname, resolve } from "node:path";
import { asyncFileSystem } from "../../config/async-file-system.js";
import { withoutByteOrderMark } from "../../config/find-config.js";
import { type HostServers, hostServers, urlOf } from "../../config/host-file.js";
import { interpolate } from "../../config/interpolate.js";
import { entries, isObject, type Json, property } from "../../config/json.js";
import { parseJson } from "../../config/parse-json.js";
import { systemErrorCode } from "../../errors/expected-errors.js";
import { type Discovery, McpAuthError } from "../../index.js";
import { ConcurrencyLimit } from "../../lib/concurrency-limit.js";
import { printable, quoted } from "../../lib/printable.js";
import { escaped } from "../discovery/escaped.js";
import { variablesIn } from "../discovery/suggested-server.js";
import type { CommandIo } from "../io.js";
import { UsageError } from "../options.js";
import { pathForConfig } from "./choose-client.js";
import type { Target } from "./find-target.js";
import type { HidingPrinter } from "./hide-values.js";
import type { Candidate } from "./plan.js";
import { isServerName } from "./server-name.js";

/** A server of a host's file: its name there, its URL with and without the values of variables. */
interface HostEntry {
  readonly name: string;
  readonly url: string;
  readonly written: string;
}

/** Why a server is left out, as a clause. */
interface LeftOut {
  readonly why: string;
}

interface ShownCandidate extends Candidate {
  /** The URL as the file has it. */
  readonly shown: string;
}

export interface HostOptions {
  /** The only server of the file to add. Absent: all that require a token. */
  readonly only?: string | undefined;
  readonly cwd: string;
  readonly env: CommandIo["env"];
  readonly target: Target;
  readonly ask: (url: string) => Promise<Discovery>;
  /** Gets the variables of each URL, before anything about it is printed. */
  readonly hide: HidingPrinter["hide"];
}

export interface HostCandidates {
  readonly candidates: readonly Candidate[];
  /** The path to import, relative to the config; absent if the config imports it already, or cannot. */
  readonly imported: string | undefined;
  /** Why other servers of the file are left out, one printable line each. */
  readonly leftOut: readonly string[];
}

/** How many servers are asked at the same time. */
const mostRequests = 8;

/**
 * Reads the servers of a host's file, and asks those with a URL whether they require a token. Takes nothing else from the
 * file: an entry with an `Authorization` of its own is left out. On a terminal, the person chooses among the rest. Throws
 * `UsageError` for a file that is none.
 */
export async function findHostCandidates(
  io: Pick<CommandIo, "ask" | "waitFor">,
  path: string,
  { cwd, env, target, ask, hide, only }: HostOptions,
): Promise<HostCandidates> {
  const file = resolve(cwd, path);
  const servers = await readServers(path, file);
  const names = servers.names();
  if (only !== undefined && !names.includes(only)) throw notInFile(path, only, names);
  const known = property(target.value, "servers");
  const usable: HostEntry[] = [];
  const leftOut: string[] = [];
  const leaveOut = (name: string, why: string): void => {
    leftOut.push(`${quoted(name)} is left out: ${printable(why)}.`);
  };
  for (const name of only === undefined ? names : [only]) {
    const entry = servers.find(name)?.entry ?? null;
    const result =
      property(known, name) === undefined
        ? readEntry(name, entry, env)
        : { why: "the config has a server with this name" };
    if ("why" in result) leaveOut(name, result.why);
    else {
      hide(variablesIn(result.written), result.url, env);
      usable.push(result);
    }
  }
  const limit = new ConcurrencyLimit(mostRequests);
  const asking = usable.map((entry) =>
    limit.run(async () => ({ entry, found: await askOne(entry.url, ask) })),
  );
  const what =
    usable.length === 1 ? `Asking ${new URL(usable[0]?.url ?? "").host}` : `Asking ${usable.length} servers`;
  const answers = await io.waitFor(what, Promise.all(asking));
  const way = importing(file, target);
  const candidates: ShownCandidate[] = [];
  for (const { entry, found } of answers) {
    const { name, url, written } = entry;
    if ("why" in found) leaveOut(name, found.why);
    else candidates.push({ name, url, written: way.isImported ? undefined : written, found, shown: written });
  }
  return { candidates: await chooseAmong(candidates, io.ask), imported: way.add, leftOut };
}

function notInFile(path: string, name: string, names: readonly string[]): UsageError {
  const list = names.length === 0 ? "It has none" : `It has ${names.map(printable).join(", ")}`;
  return new UsageError(`${printable(path)} has no server ${quoted(name)}. ${list}`);
}

async function askOne(url: string, ask: HostOptions["ask"]): Promise<Discovery | LeftOut> {
  try {
    const found = await ask(url);
    if (found.requiresToken === true || found.resourceMetadataUrl !== undefined) return found;
    if (found.requiresToken === false) return { why: "it does not require a token" };
    return { why: "it could not be asked. Try init with its URL" };
  } catch (error) {
    // The URL may not be requested.
    if (!(error instanceof McpAuthError) || error.code === "aborted") throw error;
    return { why: error.message };
  }
}

async function chooseAmong(
  candidates: readonly ShownCandidate[],
  ask: CommandIo["ask"],
): Promise<readonly Candidate[]> {
  if (ask === undefined || candidates.length < 2) return candidates;
  const answer = await ask.select("These servers require a token. Which one?", [
    { value: "", label: `all ${candidates.length}` },
    ...candidates.map(({ name, shown }) => ({ value: name, label: name, hint: shown })),
  ]);
  return answer === "" ? candidates : candidates.filter(({ name }) => name === answer);
}

/**
 * Whether the config imports the URLs of the file. A file outside of the config's folder is not imported, because the
 * config may be used on another machine.
 */
function importing(
  file: string,
  { file: config, value }: Target,
): { readonly isImported: boolean; readonly add: string | undefined } {
  const folder = dirname(config);
  const written = property(value, "import");
  if (typeof written === "string") return { isImported: resolve(folder, written) === file, add: undefined };
  const path = pathForConfig(file, folder, folder);
  const isInside = path.startsWith("./");
  return { isImported: isInside, add: isInside ? String(escaped(path)) : undefined };
}

async function readServers(path: string, file: string): Promise<HostServers> {
  const cannot = (why: string) => new UsageError(`The file ${printable(path)} of --from ${why}`);
  const content = await readText(file, cannot);
  const { value, mistakes } = parseJson(file, withoutByteOrderMark(content));
  const [mistake] = mistakes;
  if (value === undefined) throw cannot(`is not JSON: ${mistake?.message ?? ""}. Correct it.`);
  const servers = hostServers(value);
  if (servers === undefined) {
    throw cannot(
      'has neither "mcpServers" nor "servers". Name the file in which a host keeps its MCP servers.',
    );
  }
  return servers;
}

async function readText(file: string, cannot: (why: string) => UsageError): Promise<string> {
  try {
    const outcome = await asyncFileSystem.read(file);
    if ("text" in outcome) return outcome.text;
    throw cannot(
      outcome.problem === "missing"
        ? "is a folder. Name a file in it."
        : `cannot be read: it is ${outcome.problem}.`,
    );
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === undefined) throw error;
    throw cannot(code === "ENOENT" ? "does not exist. Correct the path." : `cannot be read (${code}).`);
  }
}

function readEntry(name: string, entry: Json, env: CommandIo["env"]): HostEntry | LeftOut {
  if (!isServerName(name)) {
    return { why: "its name cannot be that of a server. Add it with init URL --name NAME" };
  }
  const host = urlOf(entry);
  if ("mistake" in host) return { why: inClause(host.mistake.message) };
  if (hasAuthorization(entry))
    return { why: "it has an Authorization of its own. Remove that, or add it with init URL" };
  const { url: written } = host;
  const { value: url, missing, mistakes } = interpolate(written, env);
  const [unset] = missing;
  if (unset !== undefined) return { why: `its URL needs the variable ${unset.name}, which is not set` };
  const isUrl = typeof url === "string" && typeof written === "string" && URL.canParse(url);
  return isUrl && mistakes.length === 0 ? { name, url, written } : { why: "its URL is not valid" };
}

function hasAuthorization(entry: Json): boolean {
  const headers = isObject(entry) ? [property(entry, "headers"), property(entry, "requestInit")] : [];
  return headers
    .flatMap((each) => [...entries(each), ...entries(property(each, "headers"))])
    .some(([name]) => name.toLowerCase() === "authorization");
}

function inClause(message: string): string {
  return message.charAt(0).toLowerCase() + message.slice(1);
}
