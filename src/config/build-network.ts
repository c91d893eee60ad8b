import { absolute } from "./build-reference.js";
import { hostnameOf } from "./check-network.js";
import type { Config } from "./generated/types.js";
import type { NetworkSpec } from "./spec.js";

/** `folder` is what relative paths are relative to. */
export function buildNetwork(network: Config["network"], folder: string): NetworkSpec {
  const { proxy, ca = [], allowInsecureHttp = [] } = network ?? {};
  return {
    ...(proxy !== undefined && { proxy }),
    ca: [ca].flat().map((path) => absolute(path, folder)),
    allowInsecureHttp: allowInsecureHttp.flatMap((host) => hostnameOf(host) ?? []),
  };
}
