import type { ServerChallenge } from "../discovery/challenge.js";
import type { MetadataCache } from "../discovery/metadata-cache.js";
import type { Clock } from "../lib/clock.js";
import type { FetchFunction } from "../net/bounded-fetch.js";
import type { SecretContext } from "../secrets/read-secret.js";

/** What a grant takes from outside. */
export interface GrantEnvironment {
  readonly fetch: FetchFunction;
  readonly clock: Clock;
  readonly env: SecretContext["env"];
  readonly metadata: MetadataCache;
  readonly signedWith?: ((kid: string | undefined) => void) | undefined;
  /** The last challenge of the MCP server, if there was one. */
  readonly challenge?: () => ServerChallenge | undefined;
}
