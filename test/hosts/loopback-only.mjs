// Blocks connections to other machines, in every process of a host that runs on Node. Loaded with --import.
import { Socket } from "node:net";

const loopback = /^(?:localhost|127(?:\.\d+){3}|::1|::ffff:127(?:\.\d+){3})$/;
const { connect } = Socket.prototype;

Socket.prototype.connect = function connectOnThisMachine(...args) {
  // `net.connect()` passes its normalized arguments as one array.
  const [first, second] = Array.isArray(args[0]) ? args[0] : args;
  const { host = "localhost", path } = typeof first === "object" ? first : { host: second };
  if (path === undefined && typeof host === "string" && !loopback.test(host)) {
    process.nextTick(() => this.destroy(new Error(`Connections to ${host} are blocked.`)));
    return this;
  }
  return connect.apply(this, args);
};
