import { lstat, realpath } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { McpAuthError } from "../errors/error.js";
import { ignoreSystemError } from "../errors/expected-errors.js";
import { pathInside } from "./path-inside.js";
import type { Allow, AllowRules, OpenedFile } from "./permissions.js";

/** Default ports by scheme. `URL` knows only those of http and https. */
const defaultPorts: Readonly<Record<string, string>> = { "redis:": "6379", "rediss:": "6379" };
const sentinelPort = "26379";

/**
 * Returns the rules for the option `allow`. It must name everything that the config may use, so a missing list allows
 * nothing of its kind.
 *
 * @param cwd the absolute path to which relative paths in `allow` are relative
 * @throws `config_invalid` if `allow` has the wrong form: a misread list would allow too much or too little
 */
export function allowRules(allow: Allow, cwd: string): AllowRules {
  assertForm(allow);
  const { exec = [], env = [], files = [], origins = [], resolvers = [], identities = [] } = allow;
  const commands = new Set(exec.map((command) => JSON.stringify(command)));
  const allowedOrigins = new Set(origins.map(parseOrigin));
  const roots = files.map((file) => resolve(cwd, file));
  const hasOrigin = (origin: string | undefined): boolean =>
    origin !== undefined && allowedOrigins.has(origin);
  return {
    folder: cwd,
    command: (command) => commands.has(JSON.stringify(command)),
    variable: matcher(env),
    resolver: matcher(resolvers),
    identity: matcher(identities),
    url: (url) => hasOrigin(originOf(url)),
    host: (hostname) =>
      [...allowedOrigins].some((origin) => {
        const { protocol, hostname: allowed } = new URL(origin);
        return protocol === "http:" && allowed === hostname;
      }),
    sentinel: (node) =>
      ["redis", "rediss"].some((scheme) => hasOrigin(originOf(`${scheme}://${node}`, sentinelPort))),
    async file(path, opened) {
      if (roots.length === 0) return false;
      const real = await realPath(path);
      const realRoots = await Promise.all(roots.map(realPath));
      if (!realRoots.some((root) => pathInside(root, real) !== undefined)) return false;
      return opened === undefined || (await isSameFile(real, opened));
    },
  };
}

const lists = ["exec", "env", "files", "origins", "resolvers", "identities"] as const;

function assertForm(allow: unknown): asserts allow is Allow {
  const refuse = (why: string): McpAuthError => new McpAuthError("config_invalid", `\`allow\` ${why}`);
  if (typeof allow !== "object" || allow === null || Array.isArray(allow)) {
    throw refuse(`must be an object with lists: ${lists.join(", ")}.`);
  }
  const isText = (value: unknown): value is string => typeof value === "string" && value !== "";
  for (const [name, list] of Object.entries(allow)) {
    if (!lists.some((known) => known === name)) {
      throw refuse(`has an unknown property. It may have: ${lists.join(", ")}.`);
    }
    if (list === undefined) continue;
    const isCommand = (value: unknown): boolean =>
      Array.isArray(value) && isText(value[0]) && value.every((argument) => typeof argument === "string");
    const isItem = name === "exec" ? isCommand : isText;
    if (Array.isArray(list) && list.every(isItem)) continue;
    throw refuse(
      name === "exec"
        ? "`exec` must be a list of commands. Each command is a list of strings: the program and all its arguments."
        : `\`${name}\` must be a list of strings that are not empty.`,
    );
  }
}

/** Returns a function that tells whether a name is in the list. An entry with `*` at its end is a prefix. */
function matcher(names: readonly string[]): (name: string) => boolean {
  const whole = new Set(names.filter((name) => !name.endsWith("*")));
  const prefixes = names.filter((name) => name.endsWith("*")).map((name) => name.slice(0, -1));
  return (name) => whole.has(name) || prefixes.some((prefix) => name.startsWith(prefix));
}

function parseOrigin(text: string): string {
  const origin = originOf(text);
  // A path, query or user name would be ignored although it looks as if it counted, so it is an error.
  if (origin !== undefined && /^[a-z][a-z0-9+.-]*:\/\/[^/?#@\s]+\/?$/i.test(text)) return origin;
  throw new McpAuthError(
    "config_invalid",
    "`allow` has an entry in `origins` that is not an origin. Write scheme and host, and the port if it is not the " +
      'default one, such as "https://auth.example" or "rediss://redis.example:6380".',
  );
}

/** Returns the origin of a URL. `URL.origin` works only for schemes that browsers know. */
function originOf(text: string, defaultPort?: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const { protocol, hostname, port } = new URL(text);
  if (hostname === "") return undefined;
  const effective = port === "" ? (defaultPort ?? defaultPorts[protocol] ?? "") : port;
  return `${protocol}//${hostname}${effective === "" ? "" : `:${effective}`}`;
}

/** Resolves links in a path. If the file does not exist yet, resolves those of the nearest existing folder above it. */
async function realPath(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    ignoreSystemError(error);
    const above = dirname(path);
    return above === path ? path : join(await realPath(above), basename(path));
  }
}

/** Returns whether a real path is the file that was opened. Another file may have taken its place since. */
async function isSameFile(path: string, { dev, ino }: OpenedFile): Promise<boolean> {
  try {
    const found = await lstat(path, { bigint: true });
    return found.dev === dev && found.ino === ino;
  } catch (error) {
    ignoreSystemError(error);
    return false;
  }
}
