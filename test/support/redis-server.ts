import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface RedisServer {
  readonly port: number;
  readonly url: string;
  /** The data folder. */
  readonly folder: string;
  /** Kills the server with SIGKILL, as in a crash: it writes nothing more. */
  kill(): Promise<void>;
  /** Stops the process with SIGSTOP: it still listens, but does not respond. */
  suspend(): void;
  /** Starts the server again, on the same port and with the data that it has written. */
  restart(): Promise<void>;
  /** Kills the server and removes its folder. */
  stop(): Promise<void>;
}

/**
 * Starts the `redis-server` from the PATH on a free port of 127.0.0.1. Rejects with a clear message if there is none.
 */
export async function startRedis(
  settings: readonly string[] = [],
  options: { readonly config?: string; readonly port?: number } = {},
): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), "mcp-auth-redis-"));
  const config = options.config === undefined ? [] : [options.config];
  const argsAt = (port: number) => {
    const always = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder];
    return [...config, ...always, ...(config.length === 0 ? ["--save", ""] : []), ...settings];
  };
  let port = options.port ?? (await freePort());
  let child: ChildProcess | undefined;
  while (child === undefined) {
    try {
      child = await run(argsAt(port));
    } catch (error) {
      // Another process has taken the port in the meantime.
      if (options.port !== undefined || !String(error).includes("Address already in use")) throw error;
      port = await freePort();
    }
  }
  return running({ child, port, folder, args: argsAt(port) });
}

interface Started {
  child: ChildProcess;
  readonly port: number;
  readonly folder: string;
  readonly args: readonly string[];
}

function running({ child, port, folder, args }: Started): RedisServer {
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
  };
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    folder,
    kill,
    suspend: () => void child.kill("SIGSTOP"),
    async restart() {
      child = await run(args);
    },
    async stop() {
      await kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Resolves once the server reports that it is ready. A connection is no proof: another process may have the port. */
async function run(args: readonly string[]): Promise<ChildProcess> {
  const child = spawn("redis-server", args, { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  await new Promise<void>((resolve, reject) => {
    child.once("error", (error) => {
      const missing = "code" in error && error.code === "ENOENT";
      reject(
        missing
          ? new Error("No redis-server in the PATH. Install it (Debian: apt install redis-server).")
          : error,
      );
    });
    child.once("exit", () => reject(new Error(`redis-server exited before it was ready:\n${output}`)));
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output = (output + text).slice(-10_000);
      if (/Ready to accept connections|Sentinel ID is/.test(output)) resolve();
    });
  });
  return child;
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new TypeError("The server has no TCP port.");
  return address.port;
}
