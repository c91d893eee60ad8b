import { isLoopbackHost } from "./loopback.js";

/** The name of this machine where one of the URLs is on it: on another machine the same URL is another server. */
export function machineOf(...urls: readonly string[]): string | null {
  const isHere = urls.some((url) => URL.canParse(url) && isLoopbackHost(new URL(url).hostname));
  return isHere ? process.getBuiltinModule("node:os").hostname() : null;
}
