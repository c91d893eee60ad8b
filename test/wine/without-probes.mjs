// Wine 8 cannot set after how long an idle connection is probed (TCP_KEEPIDLE), and Node then ends the connection.
import net from "node:net";

const { connect } = net;
net.connect = (options, ...rest) =>
  connect(typeof options === "object" ? { ...options, keepAlive: false } : options, ...rest);
net.Socket.prototype.setKeepAlive = function setKeepAlive() {
  return this;
};
