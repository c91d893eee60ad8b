import { parseListenAddress } from "../lib/listen-address.js";
import { isLoopbackAddress } from "../lib/loopback.js";
import type { CheckContext } from "./check-context.js";
import { type Json, property } from "./json.js";

/** Checks what a schema cannot express about `proxy`: the numbers in an address. */
export function checkProxy(config: Json, context: CheckContext): void {
  const listen = context.resolvedText(property(config, "proxy"), ["proxy"], "listen");
  if (listen === undefined) return;
  const address = parseListenAddress(listen);
  if (address === undefined || !isLoopbackAddress(address.host)) {
    context.report(["proxy", "listen"], notListenAddress);
  }
}

const notListenAddress = {
  message: 'Must be 127.0.0.1 or [::1] with a port, such as "127.0.0.1:8484"',
  hint: "A port is a number from 0 to 65535",
};
