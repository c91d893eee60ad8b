import { lstat, realpath } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { McpAuthError } from "../errors/error.js";
import type { Allow, AllowRules, OpenedFile } from "./permissions.js";

/** Ports that need not be written. Those of http and https are known to `URL`. */
const defaultPorts: Readonly<Record<string, string>> = { "redis:": "6379", "rediss:": "6379" };
const sentinelPort = "26379";

/**
 * The rules of `allow`. What it does not name is refused, so a list that is left out allows nothing of its kind.
 *
 * @param cwd absolute: what its relative paths are relative to
 * @throws `config_invalid` for what is not of the right form: a list that is misread would allow too much or too little
 */
export function allowRules(given: Allow, cwd: string): AllowRules {
  assertForm(given);
  const { exec = [], env = [], files = [], origins = [], resolvers = [], identities = [] } = given;
  const commands = new Set(exec.map((command) => JSON.stringify(command)));
  const named = new Set(origins.map(namedOrigin));
  const roots = files.map((file) => resolve(cwd, file));
  const hasOrigin = (origin: string | undefined): boolean => origin !== undefined && named.has(origin);
  return {
    folder: cwd,
    command: (command) => commands.has(JSON.stringify(command)),
    variable: matcher(env),
    resolver: matcher(resolvers),
    identity: matcher(identities),
    url: (url) => hasOrigin(originOf(url)),
    host: (hostname) =>
      [...named].some((origin) => {
        const { protocol, hostname: allowed } = new URL(origin);
        return protocol === "http:" && allowed === hostname;
      }),
    sentinel: (node) =>
      ["redis", "rediss"].some((scheme) => hasOrigin(originOf(`${scheme}://${node}`, sentinelPort))),
    async file(path, opened) {
      if (roots.length === 0) return false;
      const real = await realPath(path);
      const allowed = await Promise.all(roots.map(realPath));
      if (!allowed.some((root) => isWithin(real, root))) return false;
      return opened === undefined || (await isStill(real, opened));
    },
  };
}

const lists = ["exec", "env", "files", "origins", "resolvers", "identities"] as const;

function assertForm(given: unknown): asserts given is Allow {
  const refuse = (why: string): McpAuthError => new McpAuthError("config_invalid", `\`allow\` ${why}`);
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    throw refuse(`must be an object with lists: ${lists.join(", ")}.`);
  }
  const isText = (value: unknown): value is string => typeof value === "string" && value !== "";
  for (const [name, list] of Object.entries(given)) {
    if (!lists.some((known) => known === name)) {
      throw refuse(`has a property that it does not know. It may have: ${lists.join(", ")}.`);
    }
    if (list === undefined) continue;
    const isVector = (value: unknown): boolean =>
      Array.isArray(value) && isText(value[0]) && value.every((argument) => typeof argument === "string");
    const isItem = name === "exec" ? isVector : isText;
    if (Array.isArray(list) && list.every(isItem)) continue;
    throw refuse(
      name === "exec"
        ? "`exec` must be a list of commands, each of them a list of strings: the command and all its arguments."
        : `\`${name}\` must be a list of strings, none of them empty.`,
    );
  }
}

function matcher(names: readonly string[]): (name: string) => boolean {
  const whole = new Set(names.filter((name) => !name.endsWith("*")));
  const beginnings = names.filter((name) => name.endsWith("*")).map((name) => name.slice(0, -1));
  return (name) => whole.has(name) || beginnings.some((beginning) => name.startsWith(beginning));
}

function namedOrigin(text: string): string {
  const origin = originOf(text);
  // Nothing behind the host: it would look as if it counted.
  if (origin !== undefined && /^[a-z][a-z0-9+.-]*:\/\/[^/?#@\s]+\/?$/i.test(text)) return origin;
  throw new McpAuthError(
    "config_invalid",
    "`allow` has something in `origins` that is not an origin: write scheme and host, and a port that is not the " +
      'usual one, such as "https://auth.example" or "rediss://redis.example:6380".',
  );
}

/** `URL.origin` is only there for the schemes that browsers know. */
function originOf(text: string, defaultPort?: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const { protocol, hostname, port } = new URL(text);
  if (hostname === "") return undefined;
  const written = port === "" ? (defaultPort ?? defaultPorts[protocol] ?? "") : port;
  return `${protocol}//${hostname}${written === "" ? "" : `:${written}`}`;
}

/** Also of what is not there yet: then of the nearest folder above it that is. */
async function realPath(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch {
    const above = dirname(path);
    return above === path ? path : join(await realPath(above), basename(path));
  }
}

/** Whether a path without links leads to what was opened, which something else may have taken the place of. */
async function isStill(path: string, { dev, ino }: OpenedFile): Promise<boolean> {
  try {
    const found = await lstat(path, { bigint: true });
    return found.dev === dev && found.ino === ino;
  } catch {
    return false;
  }
}

function isWithin(path: string, root: string): boolean {
  const way = relative(root, path);
  return way === "" || (way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way));
}
