import { readdir, readFile, readlink } from "node:fs/promises";
import type { AddressInfo, Server } from "node:net";
import { McpAuthError } from "../errors/error.js";
import { hasErrorCode, systemErrorCode } from "../errors/expected-errors.js";
import type { ListenAddress } from "../lib/listen-address.js";
import { printable } from "../lib/printable.js";

/** Writes an address as in a URL. */
export function authorityOf({ host, port }: ListenAddress): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** Makes a server listen on TCP. Returns the address with the port that the system chose. Throws `config_invalid`. */
export async function listenOnTcp(
  server: Server,
  wanted: ListenAddress,
  option: string,
): Promise<ListenAddress> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => {
      listenError(error, wanted, option).then(reject, reject);
    });
    server.listen({ host: wanted.host, port: wanted.port, exclusive: true }, resolve);
  });
  keepListening(server);
  // A server on TCP has an address of this form.
  const { port } = server.address() as AddressInfo;
  return { host: wanted.host, port };
}

/** Ignores a connection that cannot be accepted, such as one beyond the limit of open files. The next one may be. */
export function keepListening(server: Server): void {
  server.removeAllListeners("error").on("error", () => {});
}

async function listenError(error: Error, wanted: ListenAddress, option: string): Promise<McpAuthError> {
  const authority = authorityOf(wanted);
  if (hasErrorCode(error, "EADDRINUSE")) {
    const user = (await listeningProcess(wanted.port)) ?? "another program";
    return new McpAuthError(
      "config_invalid",
      `The port of ${authority} is in use by ${user}: end it, or choose another port, ${option} 127.0.0.1:0 for any free one.`,
    );
  }
  const reason = systemErrorCode(error) ?? error.name;
  return new McpAuthError(
    "config_invalid",
    `Nothing can listen on ${authority} (${reason}): choose another address, such as ${option} 127.0.0.1:0.`,
  );
}

/** Returns which process listens on a port, such as "process 123 (node)". Only Linux tells, and only about our own. */
async function listeningProcess(port: number): Promise<string | undefined> {
  if (process.platform !== "linux") return undefined;
  try {
    const tables = await Promise.all(
      ["tcp", "tcp6"].map((name) => readFile(`/proc/net/${name}`, "latin1").catch(() => "")),
    );
    const hexPort = port.toString(16).toUpperCase().padStart(4, "0");
    // Local address, remote address, state 0A (listening), five columns, inode.
    const line = new RegExp(`[0-9A-F]+:${hexPort} \\S+ 0A(?: +\\S+){5} +(\\d+)`);
    const inode = tables.map((table) => line.exec(table)?.[1]).find((found) => found !== undefined);
    return inode === undefined ? undefined : await ownerOf(`socket:[${inode}]`);
  } catch (error) {
    if (systemErrorCode(error) === undefined) throw error;
    return undefined;
  }
}

async function ownerOf(link: string): Promise<string | undefined> {
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const files = await readdir(`/proc/${pid}/fd`).catch(() => []);
    for (const file of files) {
      if ((await readlink(`/proc/${pid}/fd/${file}`).catch(() => "")) !== link) continue;
      const name = await readFile(`/proc/${pid}/comm`, "utf8").catch(() => "");
      return `process ${pid} (${printable(name.trim())})`;
    }
  }
  return undefined;
}
