// Writes down every TLS connection that a process opens, whether its peer has to be verified and what came of it. Preloaded
// with `node --import`, in NODE_OPTIONS for all processes below one. `records.js` reads and judges what was written.
import { errorMonitor } from "node:events";
import { appendFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import net from "node:net";
import { basename, join } from "node:path";
import tls from "node:tls";

const folder = process.env["MCP_AUTH_TLS_RECORDS"];
// It may be loaded twice: by NODE_OPTIONS, and by the tests themselves.
const loaded = Symbol.for("mcp-auth-runtime.tls-recorder");
// What npm fetches is no concern of ours; the programs that it runs are processes of their own.
const isNpm = /^np[mx](-cli\.js)?$/.test(basename(process.argv[1] ?? ""));
if (folder === undefined) throw new Error("MCP_AUTH_TLS_RECORDS does not say where to write.");
if (!isNpm && !Object.hasOwn(globalThis, loaded)) {
  Object.defineProperty(globalThis, loaded, { value: true });
  record(folder);
}

function record(folder) {
  const { connect } = tls;
  let count = 0;
  // At once, since the process may be killed at any time.
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
    // Does not count as a listener: an error that nobody hears ends the process as before.
    socket.once(errorMonitor, (error) => write({ event: "failed", id, where, code: error.code ?? "" }));
    return socket;
  };
  // Those of the tests, which know how many connections they got. `https.Server` inherits from this one.
  tls.Server.prototype.listen = function recordedListen(...args) {
    this.on("secureConnection", () => write({ event: "accepted" }));
    return net.Server.prototype.listen.apply(this, args);
  };
  syncBuiltinESMExports();
}

/** As `tls.connect` reads its options: what is given there counts more than the environment at this moment. */
function verification(options) {
  const isGiven = Object.hasOwn(options, "rejectUnauthorized");
  const isOn = isGiven
    ? options.rejectUnauthorized !== false
    : process.env["NODE_TLS_REJECT_UNAUTHORIZED"] !== "0";
  const { checkServerIdentity = tls.checkServerIdentity } = options;
  return { verifies: isOn && checkServerIdentity === tls.checkServerIdentity, isGiven };
}
