import "../lib/check-node.js";
import { writeSync } from "node:fs";
import { urlsOf } from "../config/build-config.js";
import { loadConfig } from "../config/load.js";
import type { ConfigSpec } from "../config/spec.js";
import { startingFolder } from "../config/starting-folder.js";
import { syncFileSystem } from "../config/sync-file-system.js";
import { McpAuthError } from "../errors/error.js";
import { ignoreSystemError } from "../errors/expected-errors.js";
import { printableLines } from "../lib/printable.js";
import type { Runtime } from "../runtime/runtime.js";
import type { TokenManager } from "../runtime/token-manager.js";
import { inheritedFolder, passOn } from "./child-processes.js";
import { install } from "./install.js";
import type { Registration } from "./registration.js";
import { Reports } from "./reports.js";
import { ServerMap } from "./server-map.js";

type Environment = Readonly<Record<string, string | undefined>>;

/** A config, and the folder where the search for it began. */
interface Loaded {
  readonly spec: ConfigSpec;
  readonly cwd: string;
}

/**
 * Finds and validates the config as `createMcpAuth` does, and authorizes requests with it. The runtime is loaded, and
 * secrets are read, when the first request to a server is made.
 *
 * If the config cannot be used, or has no URL for a server, the process ends with exit code 2 and a message on stderr.
 * With `MCP_AUTH_REGISTER=optional` the message is a process warning, and requests are authorized as far as possible.
 * With `MCP_AUTH_REGISTER=off` nothing happens.
 *
 * @param entry the URL of the module that is imported
 */
export async function start(entry: string): Promise<void> {
  const { env } = process;
  const { MCP_AUTH_REGISTER: mode } = env;
  if (mode === "off") return;
  const refuse = mode === "optional" ? warn : exit;
  try {
    assertMode(mode);
    const { spec, cwd } = await load(env);
    const failures = startupFailures(spec);
    if (failures.length > 0) refuse(failures);
    for (const warning of spec.warnings ?? []) process.emitWarning(warning, "McpAuthWarning");
    install(registrationOf(spec, cwd));
    passOn(entry, cwd, process);
  } catch (error) {
    if (!(error instanceof McpAuthError)) throw error;
    refuse([error]);
  }
}

function registrationOf(spec: ConfigSpec, cwd: string): Registration {
  let runtime: Runtime<string> | undefined;
  let loading: Promise<Runtime<string>> | undefined;
  const used = new Set<string>();
  const managerIn = (loaded: Runtime<string>, server: string): TokenManager => {
    const manager = loaded.resolve(server);
    // `start()` is not called here, so a schedule begins with the first use of its server.
    if (!used.has(server) && hasSchedule(spec, server)) loaded.startOne(server);
    used.add(server);
    return manager;
  };
  return {
    servers: new ServerMap(urlsOf(spec)),
    reports: new Reports(),
    loadedManager: (server) => runtime && managerIn(runtime, server),
    async loadManager(server) {
      loading ??= loadRuntime(spec, cwd);
      try {
        runtime = await loading;
      } catch (error) {
        loading = undefined;
        throw error;
      }
      return managerIn(runtime, server);
    },
  };
}

async function loadRuntime(spec: ConfigSpec, cwd: string): Promise<Runtime<string>> {
  const { createRuntime } = await import("../runtime/create-runtime.js");
  // The warnings of the config were emitted when it was loaded.
  return await createRuntime<string>({ cwd }, { ...spec, warnings: [] });
}

/**
 * Loads the config, or that of the parent process if there is none here. Throws `config_not_found` and
 * `config_invalid`.
 */
async function load(env: Environment): Promise<Loaded> {
  try {
    const cwd = startingFolder({}, env);
    return { spec: await loadConfig({ cwd, env, fs: syncFileSystem }), cwd };
  } catch (error) {
    // This process runs in another folder than its parent process, which has a config.
    const folder = inheritedFolder(env);
    const isNotFound = error instanceof McpAuthError && error.code === "config_not_found";
    if (!isNotFound || folder === undefined) throw error;
    return { spec: await loadConfig({ cwd: folder, env, fs: syncFileSystem }), cwd: folder };
  }
}

function hasSchedule({ servers }: ConfigSpec, name: string): boolean {
  const entry = servers.get(name);
  return entry !== undefined && "spec" in entry && entry.spec.refresh.schedule !== undefined;
}

/**
 * Returns the errors that end the process on startup: those of servers whose URL is not known, because requests to them
 * cannot be recognized, or those of all servers if none can be used. After any other error, only requests to that
 * server fail.
 */
function startupFailures({ servers }: ConfigSpec): readonly McpAuthError[] {
  const unusable = servers.names.filter((name) => !servers.isUsable(name));
  const fatal =
    unusable.length === servers.size ? unusable : unusable.filter((name) => servers.url(name) === undefined);
  return fatal.flatMap((name) => {
    const entry = servers.get(name);
    return entry !== undefined && "failure" in entry ? [entry.failure] : [];
  });
}

function assertMode(mode = ""): void {
  if (mode === "" || mode === "optional") return;
  throw new McpAuthError(
    "config_invalid",
    "MCP_AUTH_REGISTER has an unknown value. Set it to optional or off, or remove it.",
  );
}

function warn(failures: readonly McpAuthError[]): void {
  for (const { code, message, server } of failures) {
    const requests = server === undefined ? "Requests" : "Requests to it";
    const warning = `${message}\n${requests} are sent without authorization.`;
    process.emitWarning(warning, { type: "McpAuthWarning", code });
  }
}

/** Ends the process, or the worker thread, before the program's first line. */
function exit(failures: readonly McpAuthError[]): never {
  const lines = failures.map(({ code, message }) => `error[${code}]: ${message}`);
  const text = `${printableLines([...lines, consequence].join("\n"))}\n`;
  try {
    writeSync(2, text);
  } catch (error) {
    // stderr is closed, so nobody can read the message.
    ignoreSystemError(error);
  }
  process.exit(2);
}

const consequence =
  "mcp-auth-runtime/register ended the process before the program began. Correct this, or set MCP_AUTH_REGISTER=optional to " +
  "run the program without authorization.";
