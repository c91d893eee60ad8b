// Records every TLS connection that a process opens: whether the peer has to be verified, and the outcome. Preloaded
// with `node --import` in NODE_OPTIONS, so that child processes record too. `records.js` reads and checks the records.
import { errorMonitor } from "node:events";
import { appendFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import net from "node:net";
import { basename, join } from "node:path";
import tls from "node:tls";

const folder = process.env["MCP_AUTH_TLS_RECORDS"];
// This module may be loaded twice: by NODE_OPTIONS and by the tests.
const loaded = Symbol.for("mcp-auth-runtime.tls-recorder");
// Connections of npm itself do not matter. The programs that it runs are separate processes, which record.
const isNpm = /^np[mx](-cli\.js)?$/.test(basename(process.argv[1] ?? ""));
if (folder === undefined)
  throw new Error("MCP_AUTH_TLS_RECORDS is not set. Set it to the folder for the records.");
if (!isNpm && !Object.hasOwn(globalThis, loaded)) {
  Object.defineProperty(globalThis, loaded, { value: true });
  record(folder);
}

function record(folder) {
  const { connect } = tls;
  let count = 0;
  // Synchronously, because the process may be killed at any time.
  const write = (entry) => {
    appendFileSync(
      join(folder, `${process.pid}.jsonl`),
      `${JSON.stringify({ pid: process.pid, ...entry })}\n`,
    );
  };
  tls.connect = function recordedConnect(...args) {
    const options = args.find((argument) => typeof argument === "object" && argument !== null) ?? {};
    const id = ++count;
    const [port, host] = typeof args[0] === "number" ? args : [options.port, options.host];
    const where = `${options.servername || host || "localhost"}:${port ?? ""}`;
    write({ event: "connect", id, where, ...verification(options) });
    const socket = connect.apply(this, args);
    socket.once("secureConnect", () => {
      write({ event: "connected", id, where, authorized: socket.authorized });
    });
    // `errorMonitor` is not an error listener: an unhandled error still ends the process.
    socket.once(errorMonitor, (error) => write({ event: "failed", id, where, code: error.code ?? "" }));
    return socket;
  };
  // The servers of the tests count accepted connections. `https.Server` inherits this method.
  tls.Server.prototype.listen = function recordedListen(...args) {
    this.on("secureConnection", () => write({ event: "accepted" }));
    return net.Server.prototype.listen.apply(this, args);
  };
  syncBuiltinESMExports();
}

/** Evaluates options as `tls.connect` does: `rejectUnauthorized` takes precedence over the current environment. */
function verification(options) {
  const isGiven = Object.hasOwn(options, "rejectUnauthorized");
  const isOn = isGiven
    ? options.rejectUnauthorized !== false
    : process.env["NODE_TLS_REJECT_UNAUTHORIZED"] !== "0";
  const { checkServerIdentity = tls.checkServerIdentity } = options;
  return { verifies: isOn && checkServerIdentity === tls.checkServerIdentity, isGiven };
}
