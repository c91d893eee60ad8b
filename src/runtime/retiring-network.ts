import { ignoreFailureInBackground } from "../errors/ignore-failure.js";
import type { FetchFunction } from "../net/bounded-fetch.js";
import type { Network } from "../net/network.js";

/** A network that another may take the place of while it is in use. */
export interface RetiringNetwork extends Network {
  /**
   * From now on it closes whenever no request is under way. Calls that began before may send further ones all the same:
   * it opens again for each.
   */
  retire(): void;
}

/** `open` costs nothing before the first request. */
export function retiringNetwork(open: () => Network): RetiringNetwork {
  let network = open();
  let underWay = 0;
  let retired = false;
  const rest = (): void => {
    if (!retired || underWay > 0) return;
    network.close().catch(ignoreFailureInBackground);
    network = open();
  };
  const counted =
    (fetchOf: (network: Network) => FetchFunction): FetchFunction =>
    async (input, init) => {
      underWay += 1;
      try {
        return await fetchOf(network)(input, init);
      } finally {
        underWay -= 1;
        rest();
      }
    };
  return {
    fetch: counted((current) => current.fetch),
    fetchAs: (identity) => counted((current) => current.fetchAs(identity)),
    retire() {
      retired = true;
      rest();
    },
    close: () => network.close(),
  };
}
