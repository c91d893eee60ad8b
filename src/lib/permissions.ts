import { McpAuthError } from "../errors/error.js";
import { capitalized } from "./printable.js";

/** What a config that somebody else wrote may use: see `allow` of `createMcpAuth`. */
export interface Allow {
  /** Whole argument vectors. Commands also need `allowExec`. */
  readonly exec?: readonly (readonly string[])[];
  /** Names of variables, for references and for `${NAME}`. `*` may end a name. */
  readonly env?: readonly string[];
  /** Files and folders, relative to `cwd`. Compared by their real paths. */
  readonly files?: readonly string[];
  /** Origins of URLs, such as `"https://auth.example"`, compared exactly. */
  readonly origins?: readonly string[];
  /** Names of functions given as `resolvers` and `signers`. `*` may end a name. */
  readonly resolvers?: readonly string[];
  /** Kinds of platform identity: `githubActions`, `gcp`, `azure`, `aws`. `*` may end a name. */
  readonly identities?: readonly string[];
}

/** Identifies a file that is open. */
export interface OpenedFile {
  readonly dev: bigint;
  readonly ino: bigint;
}

/** Checks against `allow`. Each method returns whether `allow` names something. */
export interface AllowRules {
  command(command: readonly string[]): boolean;
  /**
   * The folder in which commands run: `cwd` of `createMcpAuth`, because the author of the config may control its
   * folder.
   */
  readonly folder: string;
  variable(name: string): boolean;
  /** @param opened the file that was opened under this path; the check is about that file */
  file(path: string, opened?: OpenedFile): Promise<boolean>;
  url(url: string): boolean;
  /** A host that may be reached over plain http. */
  host(hostname: string): boolean;
  /** Host and port of a Redis Sentinel. */
  sentinel(node: string): boolean;
  resolver(name: string): boolean;
  identity(kind: string): boolean;
}

/** What a config may do in this process. */
export interface Permissions {
  /** Returns why commands of the config may not run, as the end of a sentence; `undefined` if they may. */
  commandsForbidden(): string | undefined;
  /** If absent, everything is allowed. */
  readonly allow?: AllowRules | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

export interface PermissionOptions {
  readonly allowExec?: boolean | undefined;
  readonly allow?: AllowRules | undefined;
  /** Environments in which each use looks up MCP_AUTH_ALLOW_EXEC. If one of them forbids commands, they may not run. */
  readonly environments: readonly Environment[];
}

export function createPermissions({ allowExec, allow, environments }: PermissionOptions): Permissions {
  return {
    ...(allow !== undefined && { allow }),
    commandsForbidden: () =>
      forbidsExec(allowExec) || environments.some(forbidsCommands) ? forbiddenHere : undefined,
  };
}

/**
 * Returns permissions that forbid commands, even if something else allows them.
 *
 * @param why the end of a sentence
 */
export function forbidCommands(permissions: Permissions | undefined, why: string): Permissions {
  return { ...permissions, commandsForbidden: () => why };
}

/** Returns why commands may not run, in a context that may have no permissions. `undefined` if they may. */
export function commandsForbidden({
  permissions,
  env,
}: {
  readonly permissions?: Permissions | undefined;
  readonly env: Environment;
}): string | undefined {
  if (permissions !== undefined) return permissions.commandsForbidden();
  return forbidsCommands(env) ? forbiddenHere : undefined;
}

const forbiddenHere =
  "running commands is forbidden here, by `allowExec: false` or by MCP_AUTH_ALLOW_EXEC in the environment.";

/** Anything but `true` forbids commands: without types, a caller may pass `"false"` or `0`. */
function forbidsExec(allowExec: unknown): boolean {
  return allowExec !== undefined && allowExec !== true;
}

const yesValues: ReadonlySet<string> = new Set(["1", "true", "yes", "on"]);

/** An empty variable counts as unset. A value that is not understood forbids commands. */
function forbidsCommands(env: Environment): boolean {
  const value = (env["MCP_AUTH_ALLOW_EXEC"] ?? "").toLowerCase();
  return value !== "" && !yesValues.has(value);
}

/**
 * Returns the error for something that the config uses and `allow` of createMcpAuth does not name.
 *
 * @param name the subject of a sentence; begins with a lower-case letter
 */
export function notAllowed(name: string, list: keyof Allow, server?: string): McpAuthError {
  const subject = server === undefined ? capitalized(name) : `Server "${server}": ${name}`;
  return new McpAuthError(
    "config_invalid",
    `${subject} may not be used, because \`allow.${list}\` does not include it. Add it where createMcpAuth() is called, or use ` +
      "something else in the config.",
    { server },
  );
}
