import type { FetchFunction } from "../../src/net/bounded-fetch.js";
import { createNetwork } from "../../src/net/network.js";
import type { ServerClocks } from "../../src/net/server-clocks.js";

/** Returns a `fetch` whose responses tell `serverClocks` the time of their servers. */
export function clockLearningFetch(serverClocks: ServerClocks, fetch: FetchFunction): FetchFunction {
  const spec = { ca: [], allowInsecureHttp: [] };
  return createNetwork({ fetch, spec, env: {}, processEnv: {}, serverClocks, runtime: "Bun" }).fetch;
}
