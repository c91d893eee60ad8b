import { ignoreFailureInBackground } from "../errors/ignore-failure.js";
import type { FetchFunction } from "../net/bounded-fetch.js";
import type { Network } from "../net/network.js";

/** A network that a reload can replace while requests use it. */
export interface RetiringNetwork extends Network {
  /**
   * Closes the network as soon as no request is in flight. Calls that began before may send further requests: the
   * network opens again for each.
   */
  retire(): void;
}

/** Opens a network with `open`, which must cost nothing before the first request. */
export function retiringNetwork(open: () => Network): RetiringNetwork {
  let network = open();
  let inFlight = 0;
  let retired = false;
  const closeIfUnused = (): void => {
    if (!retired || inFlight > 0) return;
    network.close().catch(ignoreFailureInBackground);
    network = open();
  };
  const counted =
    (fetchOf: (network: Network) => FetchFunction): FetchFunction =>
    async (input, init) => {
      inFlight += 1;
      try {
        return await fetchOf(network)(input, init);
      } finally {
        inFlight -= 1;
        closeIfUnused();
      }
    };
  return {
    fetch: counted((current) => current.fetch),
    fetchAs: (identity) => counted((current) => current.fetchAs(identity)),
    retire() {
      retired = true;
      closeIfUnused();
    },
    close: () => network.close(),
  };
}
