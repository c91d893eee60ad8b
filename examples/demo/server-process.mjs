// Runs servers.ts in a child process. It is TypeScript code that the tests share, which Node 20 cannot run. esbuild
// bundles it into one module, which the child reads from stdin.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";

/**
 * Starts the servers. Their output is collected, not printed.
 *
 * @param {string} crmSecret the secret of the client `crm-agent`
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
  // Imports of a module from stdin are resolved from the working directory.
  const cwd = fileURLToPath(new URL(".", import.meta.url));
  const child = spawn(process.execPath, ["--input-type=module", "-"], {
    cwd,
    stdio: ["pipe", "pipe", "pipe", "ipc"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text) => (output += text));
  child.stdin.on("error", () => {}).end(outputFiles[0].contents);

  let isStopping = false;
  // "close" and not "exit", which can be emitted before the last output.
  const closed = once(child, "close");
  const failure = closed.then(([code, signal]) => {
    if (!isStopping) throw new Error(`The servers ended unexpectedly (${signal ?? code}).`);
  });
  failure.catch(() => {});
  const ask = async (question) => {
    const answer = once(child, "message");
    child.send(question, () => {});
    const [value] = await Promise.race([answer, failure]);
    return value;
  };

  return {
    /** Returns `{ issuer, crmUrl, billingUrl }`. */
    addresses: () => ask({ ask: "start", crmSecret, billingKey }),
    /** Returns `{ issued, unauthorized }`: the number of tokens by client ID, and of refused calls. */
    count: () => ask({ ask: "count" }),
    /** Rejects if the servers end before `stop()`. */
    failure,
    /** Returns what the servers printed. */
    output: () => output,
    /** Ends the servers, and resolves when their process has ended. */
    async stop() {
      isStopping = true;
      // After a disconnect() from this side, Node never emits "close".
      child.kill();
      await closed;
    },
  };
}
