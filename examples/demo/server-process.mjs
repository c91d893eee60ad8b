// Runs servers.ts in a child process. It is TypeScript shared with the tests, and Node 20 runs none: esbuild makes
// one module of it, which goes to the child through stdin.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";

/**
 * Starts the servers. What they print is kept back.
 *
 * @param {string} crmSecret of the client `crm-agent`
 * @param {import("node:crypto").JsonWebKey} billingKey the public key of the client `billing-agent`
 */
export function startServers(crmSecret, billingKey) {
  const { outputFiles } = buildSync({
    entryPoints: [fileURLToPath(new URL("servers.ts", import.meta.url))],
    bundle: true,
    platform: "node",
    format: "esm",
    packages: "external",
    write: false,
  });
  // The imports of a module from stdin are found from the working directory.
  const cwd = fileURLToPath(new URL(".", import.meta.url));
  const child = spawn(process.execPath, ["--input-type=module", "-"], {
    cwd,
    stdio: ["pipe", "pipe", "pipe", "ipc"],
  });
  let chatter = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text) => (chatter += text));
  child.stdin.on("error", () => {}).end(outputFiles[0].contents);

  let ending = false;
  // Not "exit", which can come before the last of what it printed.
  const ended = once(child, "close");
  const failure = ended.then(([code, signal]) => {
    if (!ending) throw new Error(`The servers ended (${signal ?? code}).`);
  });
  failure.catch(() => {});
  const ask = async (question) => {
    const answer = once(child, "message");
    child.send(question, () => {});
    const [value] = await Promise.race([answer, failure]);
    return value;
  };

  return {
    /** `{ issuer, crmUrl, billingUrl }` */
    addresses: () => ask({ ask: "start", crmSecret, billingKey }),
    /** `{ issued, unauthorized }`: tokens by client id, and how many calls were refused. */
    count: () => ask({ ask: "count" }),
    /** Rejects when they end before they are told to. */
    failure,
    /** What they printed. */
    chatter: () => chatter,
    /** Ends them; nothing of them is left when this resolves. */
    async stop() {
      ending = true;
      // After a disconnect() from this side Node never says "close".
      child.kill();
      await ended;
    },
  };
}
